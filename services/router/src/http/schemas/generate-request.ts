/** The body of `POST /generate`, as SGLang's engine takes it. */
import { BatonError, MAX_TOP_LOGPROBS } from "@baton/core";
import { z } from "zod";
import type { CompletionCall, ParamNames, Prompt } from "../../pipeline/completion-call.ts";
import { type NeutralValues, supportedFields } from "./neutral-values.ts";
import { bodyObject, parseFields } from "./parse-body.ts";
import { assertAnswers, MAX_ANSWERS, PROMPT_FORMS, promptFormOf, promptsOf } from "./prompt-field.ts";
import { logitBias, samplingOf } from "./sampling-fields.ts";

/** Longest stop string, and most of them. */
const MAX_STOP_CHARACTERS = 1024;
const MAX_STOPS = 16;

/** What SGLang writes when it is not told otherwise. */
const DEFAULT_MAX_TOKENS = 128;

const NAMES: ParamNames = {
  maxTokens: "sampling_params.max_new_tokens",
  minTokens: "sampling_params.min_new_tokens",
  stopTokenIds: "sampling_params.stop_token_ids",
  logitBias: "sampling_params.logit_bias",
};

const stop = z.string().min(1).max(MAX_STOP_CHARACTERS);

const samplingParams = z.object({
  max_new_tokens: z.int().min(1).nullish(),
  min_new_tokens: z.int().min(0).nullish(),
  temperature: z.number().min(0).max(100).nullish(),
  top_p: z.number().gt(0).max(1).nullish(),
  top_k: z.int().min(-1).nullish(),
  min_p: z.number().min(0).max(1).nullish(),
  frequency_penalty: z.number().min(-2).max(2).nullish(),
  presence_penalty: z.number().min(-2).max(2).nullish(),
  repetition_penalty: z.number().min(0.01).max(2).nullish(),
  stop: z
    .union([stop, z.array(stop).max(MAX_STOPS)], {
      error: `a string or an array of at most ${MAX_STOPS} strings, each of at most ${MAX_STOP_CHARACTERS} characters`,
    })
    .nullish(),
  stop_token_ids: z.array(z.int().min(0)).max(64).nullish(),
  ignore_eos: z.boolean().nullish(),
  n: z.int().min(1).max(MAX_ANSWERS).nullish(),
  sampling_seed: z.int().nullish(),
  logit_bias: logitBias.nullish(),
});

const SAMPLING_FIELDS: ReadonlySet<string> = new Set(Object.keys(samplingParams.shape));

/** What SGLang's sampling parameters have, and Baton does not. */
const SAMPLING_NEUTRAL: NeutralValues = {
  skip_special_tokens: [true],
  spaces_between_special_tokens: [true],
  no_stop_trim: [false],
  stop_regex: [[]],
  json_schema: [],
  regex: [],
  ebnf: [],
  structural_tag: [],
  custom_params: [],
  stream_interval: [],
};

const fields = z.object({
  sampling_params: samplingParams.nullish(),
  rid: z.string("one string: the name of the whole request").nullish(),
  stream: z.boolean().nullish(),
  return_logprob: z.boolean("one boolean for all prompts").nullish(),
  top_logprobs_num: z.int("one integer for all prompts").min(0).max(MAX_TOP_LOGPROBS).nullish(),
  return_text_in_logprobs: z.boolean().nullish(),
});

/** One schema for each form of prompts; which of the two fields is given is checked apart. */
const FORMS = {
  text: fields.extend({ text: PROMPT_FORMS.text.nullish(), input_ids: z.null().optional() }),
  texts: fields.extend({ text: PROMPT_FORMS.texts.nullish(), input_ids: z.null().optional() }),
  tokens: fields.extend({ input_ids: PROMPT_FORMS.tokens, text: z.null().optional() }),
  tokenLists: fields.extend({ input_ids: PROMPT_FORMS.tokenLists, text: z.null().optional() }),
} as const;

/** All forms at once, for people. */
export const generateBody = z.union(Object.values(FORMS));

const FIELDS: ReadonlySet<string> = new Set(Object.keys(FORMS.text.shape));

/** What SGLang's requests have, and Baton does not. */
const NEUTRAL: NeutralValues = {
  input_embeds: [],
  image_data: [],
  video_data: [],
  audio_data: [],
  modalities: [],
  logprob_start_len: [-1],
  token_ids_logprob: [],
  return_hidden_states: [false],
  return_routed_experts: [false],
  lora_path: [],
  session_params: [],
  custom_logit_processor: [],
  priority: [], // Higher is first there, and last here: no value would mean what it says.
  extra_key: [],
  routing_key: [],
  data_parallel_rank: [],
  bootstrap_host: [],
  bootstrap_port: [],
  bootstrap_room: [],
  log_metrics: [true],
  background: [false],
};

type GenerateRequest = { [Form in keyof typeof FORMS]: z.infer<(typeof FORMS)[Form]> }[keyof typeof FORMS];

/** @throws BatonError `invalid_argument` naming the field at fault. */
export function parseGenerateRequest(body: unknown): GenerateRequest {
  const given = supportedFields(bodyObject(body), FIELDS, NEUTRAL);
  const params = given.sampling_params;
  if (typeof params === "object" && params !== null && !Array.isArray(params)) {
    given.sampling_params = supportedFields(params, SAMPLING_FIELDS, SAMPLING_NEUTRAL, "sampling_params.");
  }
  assertOnePrompt(given);
  return parseFields<GenerateRequest>(FORMS[formOf(given)], given);
}

function assertOnePrompt({ text, input_ids }: Record<string, unknown>): void {
  if (text == null && input_ids == null) {
    throw wrong("text", '"text" is missing', 'it or "input_ids"');
  }
  if (text != null && input_ids != null)
    throw wrong("input_ids", '"text" is there as well', "one of the two");
}

function formOf({ text, input_ids }: Record<string, unknown>): keyof typeof FORMS {
  if (text != null) return Array.isArray(text) ? "texts" : "text";
  return promptFormOf(input_ids) === "tokenLists" ? "tokenLists" : "tokens";
}

/** The request as the pipeline wants it. @throws BatonError `invalid_argument` for more choices than there may be. */
export function generateCallOf(request: GenerateRequest, model: string): CompletionCall {
  const params = request.sampling_params ?? {};
  const prompts = promptsOfRequest(request);
  assertAnswers(prompts[0]!.param.replace(/\[.*/, ""), prompts.length, params.n ?? 1);
  const { max_new_tokens, min_new_tokens, sampling_seed, ...shared } = params;
  const fields = { ...shared, max_tokens: max_new_tokens, min_tokens: min_new_tokens, seed: sampling_seed };
  return {
    ...samplingOf({ ...fields, model }),
    prompts,
    defaultMaxTokens: DEFAULT_MAX_TOKENS,
    topLogprobs: topLogprobs(request),
    names: NAMES,
  };
}

function promptsOfRequest({ text, input_ids }: GenerateRequest): readonly Prompt[] {
  return text == null ? promptsOf("input_ids", input_ids ?? []) : promptsOf("text", text);
}

function topLogprobs({ return_logprob, top_logprobs_num }: GenerateRequest): number | undefined {
  if (top_logprobs_num && !return_logprob) {
    throw wrong("top_logprobs_num", '"return_logprob" is not true', "it to be left out then");
  }
  return return_logprob ? (top_logprobs_num ?? 0) : undefined;
}

function wrong(param: string, is: string, expected: string): BatonError {
  return new BatonError("invalid_argument", `Cannot use "${param}": ${is}, expected ${expected}`, { param });
}
