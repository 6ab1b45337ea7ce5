/** Passes the SDK's complaints to our log, at most one a minute: a collector that is down must not flood it. */
import { type Clock, type Logger, systemClock } from "@baton/core";
import type { DiagLogger } from "@opentelemetry/api";

const INTERVAL_MS = 60_000;

/** A diagnostics logger for the SDK. Errors become warnings: the requests go on. */
export function throttledDiagLogger(logger: Logger, clock: Clock = systemClock): DiagLogger {
  let quietUntil = 0;
  let suppressed = 0;
  const error = (message: string, ...details: unknown[]) => {
    const now = clock.now();
    if (now < quietUntil) {
      suppressed += 1;
      return;
    }
    logger.warn(
      { detail: [message, ...details].map(String).join(" "), suppressed },
      "Trouble with the export of traces",
    );
    quietUntil = now + INTERVAL_MS;
    suppressed = 0;
  };
  return { error, warn() {}, info() {}, debug() {}, verbose() {} };
}
