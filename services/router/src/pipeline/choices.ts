/**
 * The choices of one request (`n`), each a generation of its own, as one stream.
 *
 *   C1  The first choice starts alone; the others follow with its first event. By then the prompt's KV is in the prefix
 *       cache of the worker that computed it, so the others do not compute it again.
 *   C2  The first failure ends all. Leaving early does too.
 *   C3  The usage comes as soon as the last choice is complete; the stream ends, and errors are thrown, only after
 *       every choice has ended.
 */
import { createHash } from "node:crypto";
import { BatonError, type FinishReason, type GenerationRequest, requestId, type Usage } from "@baton/core";
import type { RequestContext } from "./completion-call.ts";
import type { TextEvent } from "./respond.ts";

/** What a client is told: pieces of the choices' texts, one end for each choice, and the usage of all at the end. */
export type AnswerEvent =
  | (Extract<TextEvent, { type: "text" }> & { readonly choice: number })
  | { readonly type: "end"; readonly choice: number; readonly reason: FinishReason }
  | { readonly type: "usage"; readonly usage: Usage };

type Generate = (
  request: GenerationRequest,
  context: RequestContext,
) => AsyncGenerator<TextEvent, void, void>;

interface Arrival {
  readonly choice: number;
  readonly result: IteratorResult<TextEvent, void>;
}

/** Runs `count` choices; `generate` is called for each with a request and a context of its own. */
export async function* choices(
  count: number,
  request: GenerationRequest,
  context: RequestContext,
  generate: Generate,
): AsyncGenerator<AnswerEvent, void, void> {
  const siblings = new AbortController();
  const signal = AbortSignal.any([context.signal, siblings.signal]);
  const running: AsyncGenerator<TextEvent, void, void>[] = [];
  const arriving = new Map<number, Promise<Arrival>>();
  const usages: Record<number, Usage> = {};
  const next = (choice: number) =>
    arriving.set(
      choice,
      running[choice]!.next().then((result) => ({ choice, result })),
    );
  const start = (choice: number) => {
    running[choice] = generate(choiceOf(request, choice), { ...context, signal });
    next(choice);
  };
  try {
    start(0);
    while (arriving.size > 0) {
      const { choice, result } = await Promise.race(arriving.values());
      arriving.delete(choice);
      if (running.length < count) for (let other = 1; other < count; other++) start(other); // C1
      if (result.done) continue;
      next(choice);
      yield withChoice(choice, result.value);
      if (result.value.type === "text") continue;
      usages[choice] = result.value.usage;
      if (Object.keys(usages).length === count) yield { type: "usage", usage: total(usages) };
    }
  } finally {
    siblings.abort(new BatonError("canceled", "Canceled: the request has ended"));
    await Promise.allSettled([...arriving.values(), ...running.map((choice) => choice.return())]); // C3
  }
}

function withChoice(choice: number, event: TextEvent): AnswerEvent {
  return event.type === "text" ? { ...event, choice } : { type: "end", choice, reason: event.reason };
}

/** The first choice is the request itself, so that its answer is the one of a request for one choice. */
function choiceOf(request: GenerationRequest, choice: number): GenerationRequest {
  if (choice === 0) return request;
  const seed = choiceSeed(request.sampling.seed, choice);
  return {
    ...request,
    requestId: requestId(`${request.requestId}#${choice}`), // No client's id has a "#".
    sampling: { ...request.sampling, seed },
  };
}

/** As good as drawn at random, and the same for the same request. */
function choiceSeed(seed: bigint, choice: number): bigint {
  return createHash("sha256").update(`${seed}/${choice}`).digest().readBigUInt64LE();
}

/** The prompt counts once, as in OpenAI's API. */
function total(usages: Readonly<Record<number, Usage>>): Usage {
  const completionTokens = Object.values(usages).reduce((sum, usage) => sum + usage.completionTokens, 0);
  return { ...usages[0]!, completionTokens };
}
