/**
 * Preloaded into a service (`--expose-internals --import`) by tests that look inside: answers, over the channel on which the
 * service says that it is ready, with its armed timers and with what keeps its event loop alive. Costs nothing until asked.
 */
import { createRequire } from "node:module";

/** What a process has going on. */
export interface InsideView {
  /** Armed timers by duration and what they will call, those that keep no process alive included. */
  readonly timers: Readonly<Record<string, number>>;
  /** `process.getActiveResourcesInfo()`, counted by kind: sockets, servers, timers that keep the process alive. */
  readonly resources: Readonly<Record<string, number>>;
}

export interface InsideAnswer {
  readonly type: "inside";
  readonly view: InsideView;
}

/** A link of the ring of timers with one duration; its head is no timer. */
interface Listed {
  readonly _idleNext: Listed;
  readonly _onTimeout?: () => void;
}

if (process.send) {
  const load = createRequire(import.meta.url);
  const { timerListMap } = load("internal/timers") as {
    timerListMap: Record<string, Listed>;
  };
  process.on("message", (message: { readonly type?: string }) => {
    if (message.type !== "look-inside") return;
    const timers: Record<string, number> = {};
    for (const [ms, list] of Object.entries(timerListMap))
      for (const name of namesIn(list)) count(timers, `${ms} ms ${name}`);
    const resources: Record<string, number> = {};
    for (const kind of process.getActiveResourcesInfo()) count(resources, kind);
    process.send!({ type: "inside", view: { timers, resources } } satisfies InsideAnswer);
  });
  // Listening must not keep alive a service that has ended.
  process.channel?.unref();
}

function namesIn(list: Listed): string[] {
  const names: string[] = [];
  for (let timer = list._idleNext; timer !== list; timer = timer._idleNext)
    names.push(timer._onTimeout?.name || String(timer._onTimeout).replaceAll(/\s+/g, " ").slice(0, 60));
  return names;
}

function count(counts: Record<string, number>, name: string): void {
  counts[name] = (counts[name] ?? 0) + 1;
}
