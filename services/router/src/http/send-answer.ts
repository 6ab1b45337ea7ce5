/** Writes an answer to the client, whole or as a stream, and says how it ended. */
import { BatonError, type FinishReason, type Usage } from "@baton/core";
import type { AnswerEvent } from "../pipeline/respond.ts";
import { AnswerStream, type AnswerStreamOptions } from "./answer-stream.ts";

/** How an answer ended well. */
export interface AnswerOutcome {
  readonly reason: FinishReason;
  readonly usage: Usage;
}

type Events = AsyncIterable<AnswerEvent>;

/** Sends one object once the answer is complete; resolves when nothing of the request runs any more. */
export async function sendWhole(
  events: Events,
  { format, reply }: Pick<AnswerStreamOptions, "format" | "reply">,
): Promise<AnswerOutcome> {
  let text = "";
  let outcome: AnswerOutcome | undefined;
  for await (const event of events) {
    if (event.type === "text") text += event.text;
    else {
      outcome = event;
      reply.send(format.complete(text, event.reason, event.usage));
    }
  }
  return ended(outcome);
}

/** Sends events as they come; resolves when nothing of the request runs any more. */
export async function sendStream(events: Events, options: AnswerStreamOptions): Promise<AnswerOutcome> {
  const stream = new AnswerStream(options);
  let outcome: AnswerOutcome | undefined;
  try {
    for await (const event of events) {
      await stream.write(event);
      if (event.type === "end") outcome = event;
    }
  } catch (reason) {
    const error = BatonError.from(reason);
    stream.fail(error);
    throw error;
  }
  return ended(outcome);
}

function ended(outcome: AnswerOutcome | undefined): AnswerOutcome {
  if (outcome) return outcome;
  throw new BatonError("internal", "Cannot finish the answer: its events ended before its end");
}
