/** The one place that names what a prefill worker is made of. */
import type { ConfigOf } from "@baton/config";
import { hostPort, type Logger } from "@baton/core";
import { createKvServer } from "@baton/kv-transfer";
import type { Service } from "@baton/lifecycle";
import type { Metrics } from "@baton/metrics";
import type { TlsIdentity } from "@baton/tls";
import type { RequestTracer } from "@baton/tracing";
import { advertisedHost, createWorker } from "@baton/worker";
import type { settings } from "./config.ts";
import { createPrefillService } from "./prefill-service.ts";

/** What the process has before its parts are put together. */
export interface ServiceParts {
  readonly tracer: RequestTracer;
  readonly metrics: Metrics;
  readonly logger: Logger;
  /** Undefined where nothing is encrypted. */
  readonly tls: TlsIdentity | undefined;
}

/** Starts the worker: resolves once it is announced as serving. */
export async function startPrefillWorker(
  config: ConfigOf<typeof settings>,
  { tracer, metrics, logger, tls }: ServiceParts,
): Promise<Service> {
  const worker = await createWorker({ role: "prefill", config, tracer, metrics, logger, tls });
  const { id, epoch, layout, engine } = worker;
  const kvServer = createKvServer({ workerId: id, epoch, layout, secret: config.kvSecret, tls, logger });
  const { port } = await kvServer.listen(config.host, config.kvPort);
  worker.server.addPrefill(createPrefillService({ engine, kvServer, tracer, metrics }));
  const kvAddress = { host: advertisedHost(config), port };
  const addresses = await worker.serve({
    kvAddress,
    kvStatus: () => kvServer.status(),
    close: () => kvServer.close(),
  });
  return {
    addresses: { ...addresses, kv: hostPort(kvAddress.host, kvAddress.port) },
    failed: worker.failed,
    stopped: worker.stopped,
    close: () => worker.close(),
  };
}
