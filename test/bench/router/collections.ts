/**
 * How long a process stands still to collect garbage. Loaded into it by `--import`, this module listens; `readCollections`
 * asks from outside, over the channel to the parent.
 */
import type { ChildProcess } from "node:child_process";
import { PerformanceObserver } from "node:perf_hooks";
import { isMainThread } from "node:worker_threads";

/** Flags of Node for a process that shall tell. */
export const TELL_COLLECTIONS = ["--import", import.meta.url] as const;

interface Question {
  readonly type: "collections?";
}

interface Answer {
  readonly type: "collections";
  readonly durations: readonly number[];
}

/** Ms of each collection since the last question. */
export async function readCollections(child: ChildProcess): Promise<readonly number[]> {
  const answered = Promise.withResolvers<readonly number[]>();
  const listen = (message: Answer) => {
    if (message.type === "collections") answered.resolve(message.durations);
  };
  const fail = () => answered.reject(new Error("Cannot read collections: the process has ended"));
  child.on("message", listen).once("exit", fail);
  child.send({ type: "collections?" } satisfies Question);
  try {
    return await answered.promise;
  } finally {
    child.off("message", listen).off("exit", fail);
  }
}

function tell(): void {
  const durations: number[] = [];
  const observer = new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) durations.push(duration);
  });
  observer.observe({ entryTypes: ["gc"] });
  process.on("message", ({ type }: Question) => {
    if (type !== "collections?") return;
    process.send!({ type: "collections", durations: durations.splice(0) } satisfies Answer);
  });
}

if (isMainThread && process.execArgv.includes(import.meta.url)) tell();
