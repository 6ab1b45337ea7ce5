/** Owns what a test needs to follow one sequence. */
import type { SequenceSpec } from "@baton/scheduler";
import type { EngineApi, EngineEvent, SequenceHandle } from "../engine-api.ts";

/** One sequence with all that it has heard. */
export interface HeardSequence {
  readonly handle: SequenceHandle;
  readonly events: readonly EngineEvent[];
  /** Resolves with the last event. */
  readonly ended: Promise<EngineEvent>;
  /** Resolves with the first event of a type, past or future. */
  until(type: EngineEvent["type"]): Promise<EngineEvent>;
}

/** Submits a sequence and writes down its events; `onEvent` hears them too. */
export function submitAndHear(
  engine: EngineApi,
  spec: SequenceSpec,
  onEvent?: (event: EngineEvent) => void,
): HeardSequence {
  const events: EngineEvent[] = [];
  const waiting: { readonly type: EngineEvent["type"]; readonly resolve: (event: EngineEvent) => void }[] =
    [];
  const until = (type: EngineEvent["type"]) => {
    const { promise, resolve } = Promise.withResolvers<EngineEvent>();
    const past = events.find((event) => event.type === type);
    if (past) resolve(past);
    else waiting.push({ type, resolve });
    return promise;
  };
  const handle = engine.submit(spec, (event) => {
    events.push(event);
    onEvent?.(event);
    for (const { type, resolve } of waiting) if (type === event.type) resolve(event);
  });
  return { handle, events, until, ended: Promise.race([until("finished"), until("failed")]) };
}

/** The answer so far. */
export function tokensOf({ events }: HeardSequence): readonly number[] {
  return events.flatMap((event) => (event.type === "token" ? [event.tokenId] : []));
}
