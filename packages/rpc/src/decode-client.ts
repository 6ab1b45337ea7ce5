import { BatonError, type GenerationEvent, type RequestId } from "@baton/core";
import type { TlsIdentity } from "@baton/tls";
import { clientChannel } from "./credentials.ts";
import { fromGenerateEvent, toGenerateRequest } from "./decode-messages.ts";
import type { GenerateCall } from "./decode-service.ts";
import type { StopResponse__Output } from "./generated/baton/v1/StopResponse.ts";
import { byDeadline, type CallOptions, callStream, callUnary } from "./outgoing-call.ts";
import { DecodeWorker } from "./proto.ts";

/** Which generation to stop. */
export interface StopCall {
  readonly requestId: RequestId;
  readonly attempt: number;
}

/** A decode or aggregated worker as the router sees it. */
export interface DecodeClient {
  /**
   * The answer: token segments, then exactly one `end`, given out when the call has ended well. The call starts with
   * the first step of the iteration; leaving the loop cancels it. Events are held back while nobody reads them.
   * @throws BatonError the worker's own; `worker_lost` naming its address; the signal's reason.
   */
  generate(call: Omit<GenerateCall, "signal">, options: CallOptions): AsyncIterable<GenerationEvent>;
  /** Asks the worker to end a generation well; does nothing to one that has ended. @throws BatonError */
  stop(call: StopCall, options: CallOptions): Promise<void>;
  /** Closes the connection once running calls have ended. */
  close(): void;
}

/** A client of the worker at `host:port`; it connects with the first call. With an identity, over TLS. */
export function createDecodeClient(address: string, tls?: TlsIdentity): DecodeClient {
  const client = new DecodeWorker(address, ...clientChannel(address, tls));
  const worker = `worker "${address}"`;
  return {
    async *generate(call, options) {
      const message = toGenerateRequest(call);
      const arrivals = callStream(`generate on ${worker}`, options, () =>
        client.generate(message, byDeadline(call.request.deadline)),
      );
      let end: GenerationEvent | undefined;
      for await (const messages of arrivals) {
        for (const message of messages) {
          const event = fromGenerateEvent(message);
          if (event.type === "tokens") yield event;
          else end = event;
        }
      }
      if (end === undefined) throw endMissing(worker);
      yield end;
    },
    async stop(call, options) {
      await callUnary<StopResponse__Output>(`stop "${call.requestId}" on ${worker}`, options, (callback) =>
        client.stop(call, callback),
      );
    },
    close: () => client.close(),
  };
}

function endMissing(worker: string): BatonError {
  return new BatonError(
    "worker_lost",
    `Cannot generate on ${worker}: the stream closed, expected an end event first`,
  );
}
