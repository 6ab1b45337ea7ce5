/** Processor time of other processes, finer than the ticks that most tools count in. Linux only. */
import { readdirSync, readFileSync } from "node:fs";

/** Milliseconds that all threads of the processes have run so far. */
export function processorMs(pids: readonly number[]): number {
  let nanoseconds = 0;
  for (const pid of pids) {
    for (const thread of readdirSync(`/proc/${pid}/task`)) {
      // First field: nanoseconds on a processor (Documentation/scheduler/sched-stats.rst).
      nanoseconds += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "utf8").split(" ")[0]);
    }
  }
  return nanoseconds / 1e6;
}
