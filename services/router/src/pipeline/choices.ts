/**
 * The choices of one request, `n` for each of its prompts, each a generation of its own, as one stream. They are
 * numbered as in OpenAI's API: all of the first prompt, then all of the second.
 *
 *   C1  The first choice of a prompt starts alone; the others follow with its first event. By then the prompt's KV is in
 *       the prefix cache of the worker that computed it, so the others do not compute it again.
 *   C2  The first failure ends all. Leaving early does too.
 *   C3  The usage comes as soon as the last choice is complete; the stream ends, and errors are thrown, only after
 *       every choice has ended.
 */
import { createHash } from "node:crypto";
import { BatonError, type GenerationRequest, requestId, type Usage } from "@baton/core";
import type { RequestContext } from "./completion-call.ts";
import type { TextEvent } from "./respond.ts";

/** What a client is told: pieces of the choices' texts, one end for each choice, and the usage of all at the end. */
export type AnswerEvent =
  | (Extract<TextEvent, { type: "text" }> & { readonly choice: number })
  | (Extract<TextEvent, { type: "end" }> & { readonly choice: number })
  | { readonly type: "usage"; readonly usage: Usage };

type Generate = (
  request: GenerationRequest,
  context: RequestContext,
  /** Whose answer it is, from 0. */
  prompt: number,
) => AsyncGenerator<TextEvent, void, void>;

interface Arrival {
  readonly choice: number;
  readonly result: IteratorResult<TextEvent, void>;
}

/**
 * Runs `count` choices for each prompt; `generate` is called for each with a request and a context of its own.
 * @param prompts the request with each of its prompts
 */
export async function* choices(
  count: number,
  prompts: readonly GenerationRequest[],
  context: RequestContext,
  generate: Generate,
): AsyncGenerator<AnswerEvent, void, void> {
  const all = count * prompts.length;
  if (all === 1) return yield* onlyChoice(generate(prompts[0]!, context, 0));
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
    const prompt = Math.floor(choice / count);
    const request = choiceOf(prompts[prompt]!, choice, choice % count);
    running[choice] = generate(request, { ...context, signal }, prompt);
    next(choice);
  };
  const startOthers = (first: number) => {
    for (let other = first + 1; other < first + count; other++) start(other);
  };
  const alone = new Set(prompts.map((_, prompt) => prompt * count));
  try {
    for (const first of alone) start(first);
    while (arriving.size > 0) {
      const { choice, result } = await Promise.race(arriving.values());
      arriving.delete(choice);
      if (alone.delete(choice)) startOthers(choice); // C1
      if (result.done) continue;
      next(choice);
      yield { ...result.value, choice };
      if (result.value.type === "text") continue;
      usages[choice] = result.value.usage;
      if (Object.keys(usages).length === all) yield { type: "usage", usage: total(usages, count) };
    }
  } finally {
    siblings.abort(new BatonError("canceled", "Canceled: the request has ended"));
    await Promise.allSettled([...arriving.values(), ...running.map((choice) => choice.return())]); // C3
  }
}

/** What most requests ask for: nobody to race with, and nobody to stop. */
async function* onlyChoice(
  events: AsyncGenerator<TextEvent, void, void>,
): AsyncGenerator<AnswerEvent, void, void> {
  for await (const event of events) {
    yield { ...event, choice: 0 };
    if (event.type === "end") yield { type: "usage", usage: event.usage };
  }
}

/**
 * The first choice of each prompt is the request with that prompt alone, so that its answer is the one of a request
 * for one choice.
 * @param ofPrompt its number among those of its prompt
 */
function choiceOf(request: GenerationRequest, choice: number, ofPrompt: number): GenerationRequest {
  if (choice === 0) return request;
  const { sampling } = request;
  return {
    ...request,
    requestId: requestId(`${request.requestId}#${choice}`), // No client's id has a "#".
    sampling: ofPrompt === 0 ? sampling : { ...sampling, seed: choiceSeed(sampling.seed, ofPrompt) },
  };
}

/** As good as drawn at random, and the same for the same request. */
function choiceSeed(seed: bigint, choice: number): bigint {
  return createHash("sha256").update(`${seed}/${choice}`).digest().readBigUInt64LE();
}

/** Each prompt counts once, as in OpenAI's API. */
function total(usages: Readonly<Record<number, Usage>>, count: number): Usage {
  const sum = { promptTokens: 0, cachedTokens: 0, completionTokens: 0 };
  for (const [choice, usage] of Object.entries(usages)) {
    sum.completionTokens += usage.completionTokens;
    if (Number(choice) % count > 0) continue;
    sum.promptTokens += usage.promptTokens;
    sum.cachedTokens += usage.cachedTokens;
  }
  return sum;
}
