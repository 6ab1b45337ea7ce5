/** Which workers are to be tried now, and with whom: pure. */
import type { WorkerRecord } from "@baton/core";
import type { WorkerView } from "@baton/routing";
import type { ProbedWorkers } from "./prober.ts";

/**
 * A probe for each idle worker that is due. Prefill and decode workers are tried in pairs, two that are due together
 * where there are, else with any other, so that no healthy worker is always charged for the same broken one.
 * @param isDue asked of serving workers without a request and with a circuit that lets a call through
 * @param random in [0, 1)
 */
export function dueCanaries(
  view: WorkerView,
  isDue: (worker: WorkerRecord) => boolean,
  random: () => number,
): readonly ProbedWorkers[] {
  const serving = view.filter(({ record }) => record.state === "serving");
  const due = serving
    .filter(({ load, impaired }) => load.requests === 0 && impaired !== "circuit_open")
    .map(({ record }) => record)
    .filter(isDue);
  const alone = due.filter(({ role }) => role === "aggregated").map((decode) => ({ decode }));
  const [prefills, decodes] = [ofRole("prefill"), ofRole("decode")];
  if (prefills.all.length === 0 || decodes.all.length === 0) return alone;
  const any = (workers: readonly WorkerRecord[]) => workers[Math.floor(random() * workers.length)]!;
  const pairs = Array.from({ length: Math.max(prefills.due.length, decodes.due.length) }, (_, index) => ({
    prefill: prefills.due[index] ?? any(prefills.all),
    decode: decodes.due[index] ?? any(decodes.all),
  }));
  return [...alone, ...pairs];

  function ofRole(role: WorkerRecord["role"]) {
    return {
      all: serving.map(({ record }) => record).filter((worker) => worker.role === role),
      due: due.filter((worker) => worker.role === role),
    };
  }
}
