/** The body of `POST /v1/completions`. */
import { MAX_TOP_LOGPROBS } from "@baton/core";
import { z } from "zod";
import { type NeutralValues, supportedFields } from "./neutral-values.ts";
import { bodyObject, parseFields } from "./parse-body.ts";
import { PROMPT_FORMS, promptFormOf } from "./prompt-field.ts";
import { samplingFields } from "./sampling-fields.ts";

const fields = z.object({
  ...samplingFields,
  /** How many of the most likely tokens to report with each token. */
  logprobs: z.int().min(0).max(MAX_TOP_LOGPROBS).nullish(),
  echo: z.boolean().nullish(),
});

/** One schema for each form of prompts. */
const FORMS = {
  text: fields.extend({ prompt: PROMPT_FORMS.text }),
  tokens: fields.extend({ prompt: PROMPT_FORMS.tokens }),
  texts: fields.extend({ prompt: PROMPT_FORMS.texts }),
  tokenLists: fields.extend({ prompt: PROMPT_FORMS.tokenLists }),
} as const;

/** All forms at once, for people. */
export const completionBody = fields.extend({ prompt: z.union(Object.values(PROMPT_FORMS)) });

const FIELDS: ReadonlySet<string> = new Set(Object.keys(FORMS.text.shape));

const NEUTRAL: NeutralValues = {
  best_of: [1],
  suffix: [""],
};

export type CompletionRequest = {
  [Form in keyof typeof FORMS]: z.infer<(typeof FORMS)[Form]>;
}[keyof typeof FORMS];

/** @throws BatonError `invalid_argument` naming the field at fault. */
export function parseCompletionRequest(body: unknown): CompletionRequest {
  const given = supportedFields(bodyObject(body), FIELDS, NEUTRAL);
  return parseFields<CompletionRequest>(FORMS[promptFormOf(given.prompt)], given);
}
