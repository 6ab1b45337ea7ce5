import type { TlsIdentity } from "@baton/tls";
import { clientChannel } from "./credentials.ts";
import type { PrefillResponse__Output } from "./generated/baton/v1/PrefillResponse.ts";
import { byDeadline, type CallOptions, callUnary } from "./outgoing-call.ts";
import { fromPrefillResponse, toPrefillRequest } from "./prefill-messages.ts";
import type { PrefillCall, PrefillResult } from "./prefill-service.ts";
import { PrefillWorker } from "./proto.ts";

/** A prefill worker as the router sees it. */
export interface PrefillClient {
  /**
   * Resolves once the worker has computed and handed over the prompt.
   * @throws BatonError the worker's own; `worker_lost` naming its address; the signal's reason.
   */
  prefill(call: Omit<PrefillCall, "signal">, options: CallOptions): Promise<PrefillResult>;
  /** Closes the connection once running calls have ended. */
  close(): void;
}

/** A client of the worker at `host:port`; it connects with the first call. With an identity, over TLS. */
export function createPrefillClient(address: string, tls?: TlsIdentity): PrefillClient {
  const client = new PrefillWorker(address, ...clientChannel(address, tls));
  const action = `prefill on worker "${address}"`;
  return {
    async prefill(call, options) {
      const message = toPrefillRequest(call);
      const reply = await callUnary<PrefillResponse__Output>(action, options, (callback) =>
        client.prefill(message, byDeadline(call.request.deadline), callback),
      );
      return fromPrefillResponse(reply);
    },
    close: () => client.close(),
  };
}
