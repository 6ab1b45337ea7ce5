/** Step 5: the decode side of one attempt: the answer's tokens as they are written. */
import { BatonError, type GenerationEvent, type GenerationRequest } from "@baton/core";
import type { DecodeClient, KvHandover } from "@baton/rpc";
import { ATTR, type Stage } from "@baton/tracing";

export interface DecodeLegCall {
  readonly client: DecodeClient;
  readonly request: GenerationRequest;
  /** Absent: the worker computes the prompt itself. */
  readonly handover: KvHandover | undefined;
  readonly attempt: number;
  /** Ends with the leg. */
  readonly stage: Stage;
  readonly signal: AbortSignal;
}

/**
 * Yields token segments, then one `end`, when the call itself has ended. Leaving early cancels the call.
 * @throws BatonError what ended the leg.
 */
export async function* decodeLeg(call: DecodeLegCall): AsyncGenerator<GenerationEvent, void, void> {
  const { client, request, handover, attempt, stage, signal } = call;
  let failure: BatonError | undefined;
  let complete = false;
  try {
    const events = client.generate(
      { request, ...(handover && { handover }), attempt, header: stage.header },
      { signal, run: (start) => stage.run(start) },
    );
    for await (const event of events) {
      if (event.type === "end") {
        complete = true;
        stage.end(endAttributes(event));
      }
      yield event;
    }
  } catch (reason) {
    failure = BatonError.from(signal.aborted ? signal.reason : reason);
    throw failure;
  } finally {
    if (!complete || failure) stage.fail(failure ?? notWanted());
  }
}

/** The caller left before the end. Made only then: an error takes microseconds, for its stack. */
function notWanted(): BatonError {
  return new BatonError("canceled", "Canceled: the answer is no longer wanted");
}

function endAttributes({ reason, usage }: Extract<GenerationEvent, { type: "end" }>) {
  return {
    [ATTR.finishReason]: reason,
    [ATTR.cachedTokens]: usage.cachedTokens,
    [ATTR.completionTokens]: usage.completionTokens,
  };
}
