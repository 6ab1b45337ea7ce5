/** Writes an answer to the client, whole or as a stream, and says how it ended. */
import { BatonError, type FinishReason, type Usage } from "@baton/core";
import type { AnswerToken } from "../pipeline/answer-token.ts";
import type { AnswerEvent } from "../pipeline/choices.ts";
import type { WholeChoice } from "./answer-format.ts";
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
  const texts: string[] = [];
  const tokens: AnswerToken[][] = [];
  const wholeChoice = (reason: FinishReason, choice: number): WholeChoice => {
    return { text: texts[choice] ?? "", tokens: tokens[choice] ?? [], reason };
  };
  for await (const event of events) {
    outcome.hear(event);
    if (event.type === "text") {
      texts[event.choice] = (texts[event.choice] ?? "") + event.text;
      tokens[event.choice] ??= [];
      tokens[event.choice]?.push(...event.tokens);
    }
    if (event.type === "usage") {
      reply.header(TIMING_HEADER, timingHeader(scope.figures.split()));
      reply.send(
        format.complete(outcome.complete().reasons.map(wholeChoice), withTiming(event.usage, options)),
      );
    }
  }
  return outcome.complete();
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
