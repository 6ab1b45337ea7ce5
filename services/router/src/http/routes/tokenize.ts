/** `POST /v1/tokenize` and `POST /v1/detokenize`, as SGLang has them: what prompts are made of, without a worker. */
import type { FastifyInstance } from "fastify";
import { z } from "zod";
import { assertKnown, assertMayFit, type TokenizeParts } from "../../pipeline/tokenize.ts";
import { bodyObject, parseFields } from "../schemas/parse-body.ts";
import { PROMPT_FORMS, promptFormOf } from "../schemas/prompt-field.ts";
import { assertModel } from "../serve-completion.ts";

export interface TokenizeRouteParts
  extends Pick<TokenizeParts, "tokenizer" | "contextTokens" | "longestTokenBytes"> {
  /** The model's name in the API. */
  readonly model: string;
}

const tokenizeFields = z.strictObject({
  model: z.string().nullish(),
  add_special_tokens: z.boolean().nullish(),
});
const TOKENIZE_FORMS = {
  text: tokenizeFields.extend({ prompt: PROMPT_FORMS.text }),
  texts: tokenizeFields.extend({ prompt: PROMPT_FORMS.texts }),
} as const;

const detokenizeFields = z.strictObject({
  model: z.string().nullish(),
  skip_special_tokens: z.boolean().nullish(),
});
const DETOKENIZE_FORMS = {
  tokens: detokenizeFields.extend({ tokens: PROMPT_FORMS.tokens }),
  tokenLists: detokenizeFields.extend({ tokens: PROMPT_FORMS.tokenLists }),
} as const;

/** All forms at once, for people. */
export const tokenizeBody = z.union(Object.values(TOKENIZE_FORMS));
export const detokenizeBody = z.union(Object.values(DETOKENIZE_FORMS));

type TokenizeRequest = z.infer<(typeof TOKENIZE_FORMS)["text" | "texts"]>;
type DetokenizeRequest = z.infer<(typeof DETOKENIZE_FORMS)["tokens" | "tokenLists"]>;

export function addTokenize(app: FastifyInstance, parts: TokenizeRouteParts): void {
  app.post("/v1/tokenize", (request) => tokenize(bodyObject(request.body), parts));
  app.post("/v1/detokenize", (request) => detokenize(bodyObject(request.body), parts));
}

function tokenize(body: { readonly prompt?: unknown }, parts: TokenizeRouteParts) {
  const schema = TOKENIZE_FORMS[Array.isArray(body.prompt) ? "texts" : "text"];
  const { model, prompt, add_special_tokens } = parseFields<TokenizeRequest>(schema, body);
  assertModel(model ?? parts.model, parts.model);
  // Of several texts together no more than of one: all are tokenized in one go, and hold up every other request.
  assertMayFit([prompt].flat().join(""), "prompt", parts);
  const encode = (text: string) =>
    parts.tokenizer.encode(text, { addSpecialTokens: add_special_tokens ?? true });
  const max_model_len = parts.contextTokens();
  if (typeof prompt === "string") {
    const tokens = encode(prompt);
    return { tokens, count: tokens.length, max_model_len };
  }
  const tokens = prompt.map(encode);
  return { tokens, count: tokens.map(({ length }) => length), max_model_len };
}

function detokenize(body: { readonly tokens?: unknown }, parts: TokenizeRouteParts) {
  const schema = DETOKENIZE_FORMS[promptFormOf(body.tokens) === "tokenLists" ? "tokenLists" : "tokens"];
  const { model, tokens, skip_special_tokens } = parseFields<DetokenizeRequest>(schema, body);
  assertModel(model ?? parts.model, parts.model);
  assertKnown(tokens.flat(), "tokens", parts);
  const decode = (ids: readonly number[]) =>
    parts.tokenizer.decode(ids, { skipSpecial: skip_special_tokens ?? true });
  return { text: isOne(tokens) ? decode(tokens) : tokens.map(decode) };
}

function isOne(tokens: readonly (number | readonly number[])[]): tokens is readonly number[] {
  return typeof tokens[0] === "number";
}
