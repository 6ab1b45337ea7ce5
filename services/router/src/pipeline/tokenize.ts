/** Step 2: from text to token ids, with every sampling parameter filled in. Workers only ever see the result. */
import { BatonError, type GenerationRequest, NEUTRAL_SAMPLING, type SamplingParams } from "@baton/core";
import type { GenerationDefaults } from "@baton/model";
import type { Tokenizer } from "@baton/tokenizer";
import { ATTR, SPAN } from "@baton/tracing";
import { ApiError } from "../api-error.ts";
import { randomBytes } from "../random-bytes.ts";
import type { CompletionCall, Prompt, RequestContext } from "./completion-call.ts";
import { inStage } from "./in-stage.ts";

export interface TokenizeParts {
  readonly tokenizer: Tokenizer;
  /** What the model wants where a call says nothing. */
  readonly defaults: GenerationDefaults;
  /** Longest prompt plus answer that the cluster can serve now, in tokens. */
  readonly contextTokens: () => number;
  /** Bytes of the longest token's text. */
  readonly longestTokenBytes: number;
}

/**
 * One request for each prompt, all under the call's own id.
 * @throws BatonError `invalid_argument` for an empty prompt and for one that leaves no room for an answer.
 */
export function tokenize(
  call: CompletionCall,
  context: RequestContext,
  parts: TokenizeParts,
): readonly GenerationRequest[] {
  return inStage(context.trace, SPAN.tokenize, (stage) => {
    const requests = call.prompts.map((prompt): GenerationRequest => {
      const promptTokenIds = promptTokens(prompt, parts);
      if (promptTokenIds.length === 0) throw emptyPrompt(prompt);
      const sampling = samplingParams(call, prompt, promptTokenIds.length, parts);
      return { requestId: context.id, promptTokenIds, sampling, deadline: context.deadline };
    });
    const tokens = requests.reduce((sum, { promptTokenIds }) => sum + promptTokenIds.length, 0);
    stage.setAttributes({ [ATTR.promptTokens]: tokens });
    return requests;
  });
}

function promptTokens(prompt: Prompt, parts: TokenizeParts): readonly number[] {
  const { tokenizer } = parts;
  switch (prompt.kind) {
    case "tokens":
      assertKnown(prompt.tokenIds, prompt.param, parts);
      return prompt.tokenIds;
    case "text":
      assertMayFit(prompt.text, prompt.param, parts);
      return tokenizer.encode(prompt.text);
    case "chat": {
      const text = tokenizer.applyChatTemplate(prompt.messages, prompt.tools);
      assertMayFit(text, prompt.param, parts);
      // The template writes the special tokens itself.
      return tokenizer.encode(text, { addSpecialTokens: false });
    }
  }
}

/** Tokenizing holds up every other request: a text that cannot fit, however long its tokens are, is not worth it. */
export function assertMayFit(
  text: string,
  param: string,
  parts: Pick<TokenizeParts, "contextTokens" | "longestTokenBytes">,
): void {
  const limit = parts.contextTokens();
  const bytes = Buffer.byteLength(text);
  if (bytes > limit * parts.longestTokenBytes) throw tooLong(`a prompt of ${bytes} bytes`, limit, param);
}

function samplingParams(
  call: CompletionCall,
  prompt: Prompt,
  promptTokens: number,
  parts: TokenizeParts,
): SamplingParams {
  const { defaults } = parts;
  const most = maxTokens(call, prompt, promptTokens, parts);
  assertKnown(call.stopTokenIds, call.names.stopTokenIds, parts);
  assertKnown(
    call.logitBias.map(({ tokenId }) => tokenId),
    call.names.logitBias,
    parts,
  );
  const stopTokenIds = [...(call.ignoreEos ? [] : defaults.eosTokenIds), ...call.stopTokenIds];
  if (call.grammar !== undefined) assertConstrainable(call, stopTokenIds);
  return {
    temperature: call.temperature ?? defaults.temperature,
    topP: call.topP ?? defaults.topP,
    topK: call.topK ?? defaults.topK,
    minP: call.minP ?? defaults.minP,
    repetitionPenalty: call.repetitionPenalty ?? defaults.repetitionPenalty,
    presencePenalty: call.presencePenalty ?? NEUTRAL_SAMPLING.presencePenalty,
    frequencyPenalty: call.frequencyPenalty ?? NEUTRAL_SAMPLING.frequencyPenalty,
    logitBias: call.logitBias,
    seed: call.seed ?? randomBytes(8).readBigUInt64LE(),
    maxTokens: most,
    minTokens: minTokens(call, most),
    stopTokenIds,
    ...(call.topLogprobs !== undefined && { topLogprobs: call.topLogprobs }),
    ...(call.grammar !== undefined && { grammar: call.grammar }),
  };
}

function minTokens({ minTokens = NEUTRAL_SAMPLING.minTokens, names }: CompletionCall, most: number): number {
  if (minTokens <= most) return minTokens;
  throw new BatonError(
    "invalid_argument",
    `Cannot use "${names.minTokens}": got ${minTokens}, expected at most ${most}, the most tokens of the answer`,
    { param: names.minTokens },
  );
}

/** Where a grammar is complete, an answer must end, and can. */
function assertConstrainable(call: CompletionCall, stopTokenIds: readonly number[]): void {
  const param = call.ignoreEos ? "ignore_eos" : "min_tokens";
  if (call.ignoreEos || call.minTokens) {
    const message = `Cannot use "${param}": expected it to be left out where the answer's form is given`;
    throw new BatonError("invalid_argument", message, { param });
  }
  if (stopTokenIds.length > 0) return;
  const message = 'Cannot use "response_format": the model has no token that ends an answer';
  throw new BatonError("invalid_argument", message, { param: "response_format" });
}

/** @throws BatonError `invalid_argument` naming the first token that the model does not have. */
export function assertKnown(
  tokenIds: readonly number[],
  param: string,
  { tokenizer }: Pick<TokenizeParts, "tokenizer">,
): void {
  const stranger = tokenIds.find((tokenId) => tokenId >= tokenizer.vocabSize);
  if (stranger === undefined) return;
  throw new BatonError(
    "invalid_argument",
    `Cannot use "${param}": got the token ${stranger}, expected at most ${tokenizer.vocabSize - 1}`,
    { param },
  );
}

/** A limit that the client asked for must fit; a default is cut to what fits. */
function maxTokens(
  call: CompletionCall,
  { param }: Prompt,
  promptTokens: number,
  parts: TokenizeParts,
): number {
  const limit = parts.contextTokens();
  const room = limit - promptTokens;
  if (room < 1) throw tooLong(`a prompt of ${promptTokens} tokens and an answer of at least 1`, limit, param);
  if (call.maxTokens === undefined) {
    return Math.min(call.defaultMaxTokens ?? parts.defaults.maxNewTokens ?? room, room);
  }
  if (call.maxTokens > room) {
    throw tooLong(
      `a prompt of ${promptTokens} tokens and an answer of ${call.maxTokens}`,
      limit,
      call.names.maxTokens,
    );
  }
  return call.maxTokens;
}

function tooLong(what: string, limit: number, param: string): ApiError {
  const message = `Cannot serve ${what}: the limit for prompt and answer is ${limit} tokens`;
  return new ApiError("invalid_argument", "context_length_exceeded", message, { param });
}

function emptyPrompt({ param }: Prompt): BatonError {
  return new BatonError("invalid_argument", `Cannot use "${param}": expected at least one token`, { param });
}

/** Bytes of the longest text that one token stands for. */
export function longestTokenBytes(tokenizer: Tokenizer): number {
  let longest = 1;
  for (let id = 0; id < tokenizer.vocabSize; id++) {
    const piece = tokenizer.piece(id);
    if (!piece) continue;
    longest = Math.max(longest, piece.kind === "bytes" ? piece.bytes.length : Buffer.byteLength(piece.text));
  }
  return longest;
}
