/** Work as a stage of its own: the stage ends when the work does, and fails when it throws. */
import { BatonError } from "@baton/core";
import type { Stage, TraceNode } from "@baton/tracing";

/** For work that does not wait. */
export function inStage<T>(parent: TraceNode, name: string, work: (stage: Stage) => T): T {
  const stage = parent.stage(name);
  try {
    const result = work(stage);
    stage.end();
    return result;
  } catch (reason) {
    const error = BatonError.from(reason);
    stage.fail(error);
    throw error;
  }
}

/** For work that waits. */
export async function whileInStage<T>(
  parent: TraceNode,
  name: string,
  work: (stage: Stage) => Promise<T>,
): Promise<T> {
  const stage = parent.stage(name);
  try {
    const result = await work(stage);
    stage.end();
    return result;
  } catch (reason) {
    const error = BatonError.from(reason);
    stage.fail(error);
    throw error;
  }
}
