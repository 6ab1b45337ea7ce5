/**
 * Takes the candidates one after another, in the order of their ids: the one after the last taken, so that the turn
 * survives workers that come and go.
 */
import type { WorkerPicker } from "../routing-policy.ts";

export function inTurn(): WorkerPicker {
  let last = "";
  return (candidates) => {
    const ordered = candidates.toSorted((a, b) => (a.worker.record.id < b.worker.record.id ? -1 : 1));
    const next = ordered.find(({ worker }) => worker.record.id > last) ?? ordered[0]!;
    last = next.worker.record.id;
    return next;
  };
}
