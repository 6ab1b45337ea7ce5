/** Step 6: from tokens to text: whole characters only, ended by stop strings. */
import { BatonError, type FinishReason, type GenerationEvent, type Usage } from "@baton/core";
import type { Detokenizer, StopMatcher, Tokenizer } from "@baton/tokenizer";
import { type AnswerToken, AnswerTokens } from "./answer-token.ts";

/** What comes of one generation: pieces of text, then one end. */
export type TextEvent =
  | {
      readonly type: "text";
      /** Pieces of calls of tools, which come after the text. */
      readonly calls?: readonly ToolCallPiece[];
      /** Empty only for tokens that have none. */
      readonly text: string;
      /** The tokens that begin in this text, where the request asked for log-probabilities. */
      readonly tokens: readonly AnswerToken[];
      /** The tokens since the event before, text or not; those of a stop string and before it included. */
      readonly tokenIds: readonly number[];
    }
  | {
      readonly type: "end";
      readonly reason: FinishReason;
      readonly usage: Usage;
      /** The tokens since the last text. */
      readonly tokenIds: readonly number[];
      /** The stop string that ended the answer, if one did. */
      readonly matched?: string;
    };

/** A piece of a call: the first one has its id and its name, all have more of its arguments. */
export interface ToolCallPiece {
  /** Of the call in its choice, from 0. */
  readonly index: number;
  readonly id?: string;
  readonly name?: string;
  /** JSON, in pieces. */
  readonly arguments: string;
}

/** A running generation. */
export interface Generation {
  events(): AsyncIterable<GenerationEvent>;
  /** Ends it here. */
  stop(): void;
}

export interface RespondParts {
  readonly tokenizer: Pick<Tokenizer, "piece">;
  readonly detokenizer: Detokenizer;
  readonly stopMatcher: StopMatcher;
  readonly promptTokens: number;
  /** Stop strings are not looked for in the text of so many first tokens. */
  readonly minTokens: number;
}

/**
 * Once a stop string has matched, the text is complete: what the worker still sends is dropped, and an error of it
 * is no error of the answer any more; only its usage is still of interest.
 */
export async function* respond(
  generation: Generation,
  parts: RespondParts,
): AsyncGenerator<TextEvent, void, void> {
  const text = new AnswerText(parts);
  let usage: Usage = { promptTokens: parts.promptTokens, cachedTokens: 0, completionTokens: 0 };
  try {
    for await (const event of generation.events()) {
      if (event.type === "tokens") {
        usage = { ...usage, completionTokens: usage.completionTokens + event.tokenIds.length };
        if (text.matched !== undefined) continue;
        const piece = text.push(event);
        if (piece) yield piece;
        if (text.matched !== undefined) generation.stop();
      } else {
        const rest = text.matched === undefined ? text.flush() : undefined;
        if (rest) yield rest;
        yield text.end(event.reason, event.usage);
        return;
      }
    }
  } catch (reason) {
    if (text.matched === undefined) throw BatonError.from(reason);
    yield text.end("stop", usage);
  }
}

/** The text of one answer as it grows. */
class AnswerText {
  /** The stop string that was found: the text is complete. */
  matched: string | undefined;
  readonly #parts: RespondParts;
  readonly #tokens: AnswerTokens;
  /** Tokens that no event has told of. */
  #untold: number[] = [];
  #written = 0;
  /** All text that the tokens have given, sent or not; kept only for tokens that must know where they begin. */
  #decoded = "";

  constructor(parts: RespondParts) {
    this.#parts = parts;
    this.#tokens = new AnswerTokens(parts.tokenizer);
  }

  /** Adds tokens; returns what may be sent now, if anything may. */
  push({ tokenIds, logprobs }: Extract<GenerationEvent, { type: "tokens" }>): TextEvent | undefined {
    let text = "";
    for (const [index, tokenId] of tokenIds.entries()) {
      if (logprobs) this.#tokens.add(tokenId, logprobs[index]!, this.#decoded);
      const decoded = this.#parts.detokenizer.push([tokenId]);
      if (logprobs) this.#decoded += decoded;
      text += this.#beforeStop(decoded);
      this.#untold.push(tokenId);
      if (this.matched !== undefined) break;
    }
    return this.#textEvent(text, this.#tokens.take(text));
  }

  /** The answer has ended: returns what was held back. The beginning of a character without its rest is left out. */
  flush(): TextEvent | undefined {
    return this.#textEvent(this.#parts.stopMatcher.flush(), this.#tokens.takeAll());
  }

  end(reason: FinishReason, usage: Usage): TextEvent {
    const { matched } = this;
    const tokenIds = this.#takeUntold();
    if (matched === undefined) return { type: "end", reason, usage, tokenIds };
    return { type: "end", reason: "stop", usage, tokenIds, matched };
  }

  #beforeStop(decoded: string): string {
    if (++this.#written <= this.#parts.minTokens) return decoded;
    const { text, matched } = this.#parts.stopMatcher.push(decoded);
    this.matched = matched;
    return text;
  }

  #textEvent(text: string, tokens: readonly AnswerToken[]): TextEvent | undefined {
    if (text === "" && tokens.length === 0) return undefined;
    return { type: "text", text, tokens, tokenIds: this.#takeUntold() };
  }

  #takeUntold(): readonly number[] {
    const untold = this.#untold;
    this.#untold = [];
    return untold;
  }
}
