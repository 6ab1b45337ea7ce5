/** The workers that a request would be sent to now. */
import { BatonError } from "@baton/core";
import type { RoutePlanner, WorkerView } from "@baton/routing";
import type { ProbedWorkers } from "./prober.ts";

/** @throws BatonError `unavailable` naming the roles that nobody serves */
export function chosenWorkers(planner: RoutePlanner, model: string, view: WorkerView): ProbedWorkers {
  const availability = planner.availability(model, view);
  const select = (role: "prefill" | "decode" | "aggregated") =>
    planner.select(role, { model, promptTokens: 1 }, view).chosen.worker.record;
  switch (availability.kind) {
    case "disaggregated":
      return { prefill: select("prefill"), decode: select("decode") };
    case "aggregated":
      return { decode: select("aggregated") };
    case "unavailable":
      throw new BatonError(
        "unavailable",
        `Cannot get a token: no ${availability.missing.join(" and no ")} worker is serving`,
      );
  }
}
