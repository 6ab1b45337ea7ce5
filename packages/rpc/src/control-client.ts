import type { TlsIdentity } from "@baton/tls";
import { fromWireStatus } from "./control-messages.ts";
import type { CacheFlush, DrainOrder, WorkerStatus } from "./control-service.ts";
import { clientChannel } from "./credentials.ts";
import type { DrainResponse__Output } from "./generated/baton/v1/DrainResponse.ts";
import type { FlushCacheResponse__Output } from "./generated/baton/v1/FlushCacheResponse.ts";
import type { ResumeResponse__Output } from "./generated/baton/v1/ResumeResponse.ts";
import type { WorkerStatus__Output } from "./generated/baton/v1/WorkerStatus.ts";
import { type CallOptions, callUnary } from "./outgoing-call.ts";
import { WorkerControl } from "./proto.ts";

/** Any worker as operators, routers and tests see it. */
export interface ControlClient {
  /** What the worker holds at this moment. @throws BatonError */
  status(options: CallOptions): Promise<WorkerStatus>;
  /** Forgets everything in its prefix cache that no sequence holds. @throws BatonError */
  flushCache(options: CallOptions): Promise<CacheFlush>;
  /** Tells it to take no new work; resolves with the calls that it runs now. @throws BatonError */
  drain(order: DrainOrder, options: CallOptions): Promise<number>;
  /** Tells it to take work again. @throws BatonError */
  resume(options: CallOptions): Promise<void>;
  /** Closes the connection once running calls have ended. */
  close(): void;
}

/** A client of the worker at `host:port`; it connects with the first call. With an identity, over TLS. */
export function createControlClient(address: string, tls?: TlsIdentity): ControlClient {
  const client = new WorkerControl(address, ...clientChannel(address, tls));
  return {
    async status(options) {
      const action = `get the status of worker "${address}"`;
      const message = await callUnary<WorkerStatus__Output>(action, options, (callback) =>
        client.getStatus({}, callback),
      );
      return fromWireStatus(message);
    },
    async flushCache(options) {
      const action = `flush the cache of worker "${address}"`;
      const message = await callUnary<FlushCacheResponse__Output>(action, options, (callback) =>
        client.flushCache({}, callback),
      );
      return { freedBlocks: message.freedBlocks, keptBlocks: message.keptBlocks };
    },
    async drain({ deadlineMs, stop }, options) {
      const order = { stop, ...(deadlineMs !== undefined && { deadlineMs }) };
      const { running } = await callUnary<DrainResponse__Output>(
        `drain worker "${address}"`,
        options,
        (callback) => client.drain(order, callback),
      );
      return running;
    },
    async resume(options) {
      await callUnary<ResumeResponse__Output>(`resume worker "${address}"`, options, (callback) =>
        client.resume({}, callback),
      );
    },
    close: () => client.close(),
  };
}
