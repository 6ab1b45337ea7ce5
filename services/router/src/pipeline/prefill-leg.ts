/** Step 4: the prefill side of one attempt, run as a background task that has its stage in hand. */
import { BatonError, type BootstrapRoom, type GenerationRequest, type LegTimings } from "@baton/core";
import type { PrefillClient } from "@baton/rpc";
import { ATTR, type Stage } from "@baton/tracing";

export interface PrefillLegCall {
  readonly client: PrefillClient;
  readonly request: GenerationRequest;
  readonly room: BootstrapRoom;
  readonly attempt: number;
  /** Ends with the leg. */
  readonly stage: Stage;
  readonly signal: AbortSignal;
}

/**
 * Resolves when the decode worker has acknowledged all KV, with what the worker measured; rejects with the BatonError
 * that ended the leg.
 */
export async function prefillLeg(call: PrefillLegCall): Promise<LegTimings | undefined> {
  const { client, request, room, attempt, stage, signal } = call;
  try {
    const result = await client.prefill(
      { request, room, attempt, header: stage.header },
      { signal, run: (start) => stage.run(start) },
    );
    stage.end({ [ATTR.cachedTokens]: result.usage.cachedTokens, [ATTR.kvBytes]: result.kvBytes });
    return result.timings;
  } catch (reason) {
    const error = BatonError.from(signal.aborted ? signal.reason : reason);
    stage.fail(error);
    throw error;
  }
}
