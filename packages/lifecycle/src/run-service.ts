/**
 * Runs one service as a process.
 *
 *   P1  It stops for SIGTERM, SIGINT, a closed IPC channel (the supervisor died), because its own API was told to, or
 *       for its own failure, once.
 *   P2  Stopping drains; it never takes longer than the service's drain time plus a margin.
 *   P3  Traces are flushed before the process exits, on failures too.
 */
import { BatonError, type Logger } from "@baton/core";
import { EXIT_CODE, type ReadyMessage } from "./contract.ts";

/** A running service. */
export interface Service {
  /** `host:port` of each listener, by purpose. */
  readonly addresses: ReadyMessage["addresses"];
  /** Settles when the service cannot go on; absent when only its owner can end it. */
  readonly failed?: Promise<BatonError>;
  /** Settles when the service was told over its own API to stop; absent where that is not possible. */
  readonly stopped?: Promise<void>;
  /** Drains within its own time limit and closes everything. */
  close(): Promise<void>;
}

/** How to run it. */
export interface RunOptions {
  readonly logger: Logger;
  /** Longest that `close` may take, in milliseconds; then the process exits all the same. */
  readonly closeTimeoutMs: number;
  /** Last act before the exit: flushes traces, bounded in time by itself. */
  readonly flush: () => Promise<void>;
}

type StopCause =
  | { readonly kind: "asked"; readonly by: string }
  | { readonly kind: "failed"; readonly error: BatonError };

/** Starts the service, reports it ready, waits for a reason to stop, stops, exits. Never returns. */
export async function runService(start: () => Promise<Service>, options: RunOptions): Promise<never> {
  const { logger, flush } = options;
  const asked = stopAsked();
  const started = await start().catch((reason: unknown) => startFailed(reason, options));
  if (process.connected)
    process.send?.({ type: "ready", addresses: started.addresses } satisfies ReadyMessage);

  const failed = started.failed?.then((error): StopCause => ({ kind: "failed", error }));
  const told = started.stopped?.then((): StopCause => ({ kind: "asked", by: "its API" }));
  const cause = await Promise.race([asked, failed, told].filter((cause) => cause !== undefined));
  if (cause.kind === "failed") logger.error({ err: cause.error }, "Service failed");
  else logger.info({ by: cause.by }, "Service stops");

  const closed = await closeWithin(started, options.closeTimeoutMs, logger);
  await flush();
  return process.exit(cause.kind === "asked" && closed ? EXIT_CODE.ok : EXIT_CODE.failed);
}

/** Settles at the first request to stop; later ones change nothing (a terminal's Ctrl-C often arrives twice). */
function stopAsked(): Promise<StopCause> {
  return new Promise((resolve) => {
    const by = (name: string) => () => resolve({ kind: "asked", by: name });
    process.on("SIGTERM", by("SIGTERM"));
    process.on("SIGINT", by("SIGINT"));
    process.once("disconnect", by("the supervisor's end"));
  });
}

async function startFailed(reason: unknown, options: RunOptions): Promise<never> {
  const inUse = addressInUse(reason);
  if (inUse) process.stderr.write(`Cannot listen on ${inUse}: the port is already in use\n`);
  else options.logger.error({ err: reason }, "Service cannot start");
  await options.flush();
  return process.exit(inUse ? EXIT_CODE.addressInUse : exitCodeOf(reason));
}

/** What was given to the service is wrong: a restart would not help. */
function exitCodeOf(reason: unknown): number {
  const wrong = BatonError.from(reason).code === "invalid_argument";
  return wrong ? EXIT_CODE.configuration : EXIT_CODE.failed;
}

/** `host:port` when the reason, or a cause of it, is a port in use. */
function addressInUse(reason: unknown): string | undefined {
  for (let error = reason; error instanceof Error; error = error.cause) {
    const { code, address, port } = error as NodeJS.ErrnoException & { address?: string; port?: number };
    if (code === "EADDRINUSE") return `${address}:${port}`;
  }
  return undefined;
}

async function closeWithin(service: Service, limitMs: number, logger: Logger): Promise<boolean> {
  const timeout = Promise.withResolvers<false>();
  const timer = setTimeout(() => {
    logger.error({ limitMs }, "Service did not close in time");
    timeout.resolve(false);
  }, limitMs);
  const closed = service.close().then(
    () => true,
    (reason: unknown) => {
      logger.error({ err: BatonError.from(reason) }, "Service did not close cleanly");
      return false;
    },
  );
  const outcome = await Promise.race([closed, timeout.promise]);
  clearTimeout(timer);
  return outcome;
}
