/** The shapes of answers, for the document of the API. Fields that are not listed may be there too. */
import { z } from "zod";

const usage = z.looseObject({
  prompt_tokens: z.int(),
  completion_tokens: z.int(),
  total_tokens: z.int(),
  prompt_tokens_details: z.looseObject({ cached_tokens: z.int() }),
});

const finishReason = z.string().nullable();

const identity = {
  id: z.string(),
  created: z.int().describe("Epoch seconds"),
  model: z.string(),
  system_fingerprint: z.string(),
};

export const errorAnswer = z.object({
  error: z.object({
    message: z.string(),
    type: z.string(),
    param: z.string().nullable().describe("The request field at fault"),
    code: z.string(),
  }),
});

export const chatCompletion = z.looseObject({
  ...identity,
  object: z.literal("chat.completion"),
  choices: z.array(
    z.looseObject({
      index: z.int(),
      message: z.looseObject({ role: z.literal("assistant"), content: z.string().nullable() }),
      logprobs: z.looseObject({}).nullable(),
      finish_reason: finishReason,
    }),
  ),
  usage,
});

export const textCompletion = z.looseObject({
  ...identity,
  object: z.literal("text_completion"),
  choices: z.array(
    z.looseObject({
      index: z.int(),
      text: z.string(),
      logprobs: z.looseObject({}).nullable(),
      finish_reason: finishReason,
    }),
  ),
  usage,
});

const generated = z.looseObject({
  text: z.string(),
  output_ids: z.array(z.int()),
  meta_info: z.looseObject({
    id: z.string(),
    finish_reason: z.looseObject({ type: z.string() }).nullable(),
    completion_tokens: z.int(),
    e2e_latency: z.number().describe("Seconds"),
  }),
});

export const generatedAnswer = z.union([generated, z.array(generated)]);

const tokens = z.array(z.int());

export const tokenized = z.object({
  tokens: z.union([tokens, z.array(tokens)]),
  count: z.union([z.int(), z.array(z.int())]),
  max_model_len: z.int(),
});

export const detokenized = z.object({ text: z.union([z.string(), z.array(z.string())]) });

const worker = z.looseObject({
  id: z.string(),
  epoch: z.string(),
  role: z.enum(["prefill", "decode", "aggregated"]),
  state: z.enum(["starting", "serving", "draining"]),
});

const refusedWorker = z.object({ id: z.string(), epoch: z.string(), reason: z.string() });
export const workerList = z.looseObject({
  object: z.literal("list"),
  data: z.array(worker),
  refused: z.array(refusedWorker),
});
export const list = z.looseObject({ object: z.literal("list"), data: z.array(z.looseObject({})) });
export const model = z.looseObject({ id: z.string(), object: z.literal("model"), created: z.int() });
export const traceLevel = z.object({ level: z.literal([0, 1, 2, 3]), meaning: z.string() });
export const status = z.looseObject({ status: z.string() });
export const anything = z.looseObject({});
