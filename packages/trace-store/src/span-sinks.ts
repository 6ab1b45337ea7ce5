/** The two ways into a trace store. */
import type { TlsIdentity } from "@baton/tls";
import type { SpanSink } from "@baton/tracing";
import type { TraceStore } from "./trace-store.ts";

/** Into the store of this process. */
export function sinkToStore(store: TraceStore): SpanSink {
  return { near: true, take: async (request) => store.add(request) };
}

/**
 * Over the network to the router at `address` (`host:port`); spans that it does not take are lost. gRPC is loaded with
 * the first of them: it must not be imported before tracing has patched it, and tracing gets its sink when it starts.
 */
export function sinkToRouter(address: string, tls?: TlsIdentity): SpanSink {
  const connect = async () => (await import("@baton/rpc")).createTraceSender(address, tls);
  let sender: ReturnType<typeof connect> | undefined;
  return {
    near: false,
    async take(request) {
      sender ??= connect();
      await (await sender).send(request);
    },
  };
}
