/** Writes an answer to the client, whole or as a stream, and says how it ended. */
import { BatonError, type FinishReason, type Usage } from "@baton/core";
import type { AnswerToken } from "../pipeline/answer-token.ts";
import type { AnswerEvent } from "../pipeline/choices.ts";
import type { ToolCallPiece } from "../pipeline/respond.ts";
import type { ChoiceEnd, TextPiece, WholeCall, WholeChoice } from "./answer-format.ts";
import { AnswerStream, type AnswerStreamOptions, withTiming } from "./answer-stream.ts";
import { TIMING_HEADER, timingHeader } from "./timing-header.ts";

/** How an answer ended well. */
export interface AnswerOutcome {
  /** One for each choice. */
  readonly reasons: readonly FinishReason[];
  readonly usage: Usage;
}

type Events = AsyncIterable<AnswerEvent>;

/** Sends one object once every choice is complete; resolves when nothing of the request runs any more. */
export async function sendWhole(
  events: Events,
  options: Omit<AnswerStreamOptions, "includeUsage">,
): Promise<AnswerOutcome> {
  const { format, reply, scope } = options;
  const outcome = new Outcome();
  const growing: GrowingChoice[] = [];
  for await (const event of events) {
    outcome.hear(event);
    if (event.type === "usage") {
      reply.header(TIMING_HEADER, timingHeader(scope.figures.split()));
      const choices = growing.map((choice) => choice.whole());
      reply.send(format.complete(choices, withTiming(event.usage, options)));
    } else {
      growing[event.choice] ??= new GrowingChoice();
      growing[event.choice]?.hear(event);
    }
  }
  return outcome.complete();
}

/** Collects one choice. */
class GrowingChoice {
  #text = "";
  readonly #tokens: AnswerToken[] = [];
  readonly #tokenIds: number[] = [];
  readonly #calls: WholeCall[] = [];
  #end: ChoiceEnd | undefined;

  hear(event: TextPiece | ChoiceEnd): void {
    this.#tokenIds.push(...event.tokenIds);
    if (event.type === "end") this.#end = event;
    else {
      this.#text += event.text;
      this.#tokens.push(...event.tokens);
      for (const piece of event.calls ?? []) this.#hearCall(piece);
    }
  }

  #hearCall({ index, id = "", name = "", arguments: more }: ToolCallPiece): void {
    const call = this.#calls[index] ?? { id, name, arguments: "" };
    this.#calls[index] = { ...call, arguments: call.arguments + more };
  }

  whole(): WholeChoice {
    const end = this.#end;
    if (!end) throw new BatonError("internal", "Cannot finish the answer: a choice has not ended");
    const { reason } = end;
    const [text, tokens, tokenIds, calls] = [this.#text, this.#tokens, this.#tokenIds, this.#calls];
    return { text, tokens, tokenIds, calls, reason, end };
  }
}

/** Sends events as they come; resolves when nothing of the request runs any more. */
export async function sendStream(events: Events, options: AnswerStreamOptions): Promise<AnswerOutcome> {
  const stream = new AnswerStream(options);
  const outcome = new Outcome();
  try {
    for await (const event of events) {
      outcome.hear(event);
      await stream.write(event);
    }
  } catch (reason) {
    const error = BatonError.from(reason);
    stream.fail(error);
    throw error;
  }
  return outcome.complete();
}

/** Collects how an answer ends. */
class Outcome {
  readonly #reasons: FinishReason[] = [];
  #usage: Usage | undefined;

  hear(event: AnswerEvent): void {
    if (event.type === "end") this.#reasons[event.choice] = event.reason;
    if (event.type === "usage") this.#usage = event.usage;
  }

  complete(): AnswerOutcome {
    if (this.#usage) return { reasons: this.#reasons, usage: this.#usage };
    throw new BatonError("internal", "Cannot finish the answer: its events ended before its end");
  }
}
