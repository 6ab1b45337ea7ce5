/** Metrics that record nothing: for work that is not to be measured as work for a client. */
import type { Metrics } from "./metrics.ts";

export function silentMetrics(role: Metrics["role"]): Metrics {
  return {
    role,
    observe() {},
    add() {},
    read() {},
    expose: async () => ({ contentType: "text/plain", body: "" }),
  };
}
