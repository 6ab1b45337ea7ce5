/**
 * The two ways into a trace store. Both load `rpc` with the first span only: gRPC must not be imported before tracing
 * has patched it, and tracing gets its sink when it starts.
 */
import type { SpanSink } from "@baton/tracing";
import type { TraceStore } from "./trace-store.ts";

/** Into the store of this process. */
export function sinkToStore(store: TraceStore): SpanSink {
  return async (request) => {
    const { decodeExport } = await import("@baton/rpc");
    store.add(decodeExport(request));
  };
}

/** Over the network to the router at `address` (`host:port`); spans that it does not take are lost. */
export function sinkToRouter(address: string): SpanSink {
  const sender = lazily(async () => (await import("@baton/rpc")).createTraceSender(address));
  return async (request) => (await sender()).send(request);
}

function lazily<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => {
    made ??= make();
    return made;
  };
}
