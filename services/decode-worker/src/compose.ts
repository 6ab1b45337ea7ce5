/** The one place that names what a decode worker is made of. */
import type { ConfigOf } from "@baton/config";
import type { Logger } from "@baton/core";
import { createKvReceiver } from "@baton/kv-transfer";
import type { Service } from "@baton/lifecycle";
import type { Metrics } from "@baton/metrics";
import type { TlsIdentity } from "@baton/tls";
import type { RequestTracer } from "@baton/tracing";
import { createWorker } from "@baton/worker";
import type { settings } from "./config.ts";
import { createDecodeService } from "./decode-service.ts";

/** What the process has before its parts are put together. */
export interface ServiceParts {
  readonly tracer: RequestTracer;
  readonly metrics: Metrics;
  readonly logger: Logger;
  /** Undefined where nothing is encrypted. */
  readonly tls: TlsIdentity | undefined;
}

/** Starts the worker: resolves once it is announced as serving. */
export async function startDecodeWorker(
  config: ConfigOf<typeof settings>,
  { tracer, metrics, logger, tls }: ServiceParts,
): Promise<Service> {
  const worker = await createWorker({ role: config.role, config, tracer, metrics, logger, tls });
  const { id, epoch, layout, engine, steps } = worker;
  const kvReceiver = createKvReceiver({ workerId: id, epoch, layout, secret: config.kvSecret }, tls);
  const tokenInterval = config.traceTokenInterval;
  worker.server.addDecode(createDecodeService({ engine, kvReceiver, tracer, metrics, steps, tokenInterval }));
  const addresses = await worker.serve({
    kvStatus: () => kvReceiver.status(),
    close: () => kvReceiver.close(),
  });
  return { addresses, failed: worker.failed, stopped: worker.stopped, close: () => worker.close() };
}
