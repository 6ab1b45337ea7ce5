/** One row of the matrix: something that can happen to a request, and what is then asked of its trace. */
import type { TracedRun, TracedRunOptions } from "./traced-run.ts";

export interface Scenario {
  readonly name: string;
  /** Makes it happen and waits for its trace, which the run checks; leaves the cluster as it was. */
  readonly run: (traced: TracedRun) => Promise<void>;
}

/** Scenarios that share a cluster. */
export interface ScenarioGroup {
  readonly name: string;
  readonly cluster: TracedRunOptions;
  readonly scenarios: readonly Scenario[];
}
