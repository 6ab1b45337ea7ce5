import { hostname } from "node:os";
import type { WorkerConfig } from "./worker-config.ts";

/** One listens there, but nobody can be reached there. */
const EVERY_INTERFACE = ["0.0.0.0", "::"];

/** The host under which others reach this worker. */
export function advertisedHost({
  host,
  advertiseHost,
}: Pick<WorkerConfig, "host" | "advertiseHost">): string {
  return advertiseHost ?? (EVERY_INTERFACE.includes(host) ? hostname() : host);
}
