/** Prompts as OpenAI's legacy endpoint and SGLang's native one take them: one or several, as texts or as token ids. */
import { BatonError } from "@baton/core";
import { z } from "zod";
import type { Prompt } from "../../pipeline/completion-call.ts";

/** Answers to one request, over all its prompts: as many as one prompt may have. */
export const MAX_ANSWERS = 128;

const tokenIds = z.array(z.int().min(0)).min(1);

/** The forms that prompts may have. */
export const PROMPT_FORMS = {
  text: z.string("a string, an array of strings, an array of token ids or an array of arrays of token ids"),
  tokens: tokenIds,
  texts: z.array(z.string()).min(1).max(MAX_ANSWERS),
  tokenLists: z.array(tokenIds).min(1).max(MAX_ANSWERS),
} as const;

type PromptForm = keyof typeof PROMPT_FORMS;

/** The form that is meant. A union would try all of them, with an error for each of a million token ids. */
export function promptFormOf(value: unknown): PromptForm {
  if (!Array.isArray(value)) return "text";
  if (typeof value[0] === "number") return "tokens";
  return Array.isArray(value[0]) ? "tokenLists" : "texts";
}

type TextPrompts = string | readonly string[];
type TokensPrompts = readonly number[] | readonly (readonly number[])[];

/** @param param the field that they came in */
export function promptsOf(param: string, value: TextPrompts | TokensPrompts): readonly Prompt[] {
  if (typeof value === "string") return [{ kind: "text", text: value, param }];
  if (isTokens(value)) return [{ kind: "tokens", tokenIds: value, param }];
  return value.map((entry, index): Prompt => {
    const own = `${param}[${index}]`;
    return typeof entry === "string"
      ? { kind: "text", text: entry, param: own }
      : { kind: "tokens", tokenIds: entry, param: own };
  });
}

function isTokens(value: readonly (string | number | readonly number[])[]): value is readonly number[] {
  return typeof value[0] === "number";
}

/** @throws BatonError `invalid_argument` naming `param` where the prompts and the choices of each are too many. */
export function assertAnswers(param: string, prompts: number, choices: number): void {
  if (prompts * choices <= MAX_ANSWERS) return;
  throw new BatonError(
    "invalid_argument",
    `Cannot use "${param}": got ${prompts} prompts with ${choices} choices each, expected at most ${MAX_ANSWERS} choices in all`,
    { param },
  );
}
