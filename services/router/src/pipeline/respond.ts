/** Step 6: from tokens to text: whole characters only, ended by stop strings. */
import { BatonError, type FinishReason, type GenerationEvent, type Usage } from "@baton/core";
import type { Detokenizer, StopMatcher } from "@baton/tokenizer";

/** What a client is told: pieces of text, none of them empty, then one end. */
export type AnswerEvent =
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "end"; readonly reason: FinishReason; readonly usage: Usage };

/** A running generation. */
export interface Generation {
  events(): AsyncIterable<GenerationEvent>;
  /** Ends it here. */
  stop(): void;
}

export interface RespondParts {
  readonly detokenizer: Detokenizer;
  readonly stopMatcher: StopMatcher;
  readonly promptTokens: number;
}

/**
 * Once a stop string has matched, the text is complete: what the worker still sends is dropped, and an error of it
 * is no error of the answer any more; only its usage is still of interest.
 */
export async function* respond(
  generation: Generation,
  parts: RespondParts,
): AsyncGenerator<AnswerEvent, void, void> {
  const { detokenizer, stopMatcher } = parts;
  let usage: Usage = { promptTokens: parts.promptTokens, cachedTokens: 0, completionTokens: 0 };
  let matched = false;
  try {
    for await (const event of generation.events()) {
      if (event.type === "tokens") {
        usage = { ...usage, completionTokens: usage.completionTokens + event.tokenIds.length };
        if (matched) continue;
        const piece = stopMatcher.push(detokenizer.push(event.tokenIds));
        if (piece.text !== "") yield { type: "text", text: piece.text };
        matched = piece.matched !== undefined;
        if (matched) generation.stop();
      } else {
        // What the detokenizer still holds is the beginning of a character whose rest was never written: left out.
        const text = matched ? "" : stopMatcher.flush();
        if (text !== "") yield { type: "text", text };
        yield { type: "end", reason: matched ? "stop" : event.reason, usage: event.usage };
        return;
      }
    }
  } catch (reason) {
    if (!matched) throw BatonError.from(reason);
    yield { type: "end", reason: "stop", usage };
  }
}
