/** Requests that lose a worker which another one replaces: every attempt is in the one tree. */
import { ATTR, SPAN } from "@baton/tracing";
import { expect } from "@jest/globals";
import { movesOf, writingWorker } from "../../support/moving-streams.ts";
import type { Scenario } from "./scenario.ts";

/** In a cluster with a decode worker to spare. */
export const MOVED: readonly Scenario[] = (["SIGKILL", "SIGTERM"] as const).map((signal) => ({
  name: `a decode worker that gets ${signal} in mid-stream, and another that goes on`,
  async run(traced) {
    const asked = traced.askExpecting({ lostParts: true }, { max_tokens: 1500, ignore_eos: true });
    const writer = await writingWorker(traced.cluster);
    await traced.cluster.end(writer, signal);
    const trace = await traced.traceOf(await asked, [SPAN.decodeLeg]);
    const legs = trace.filter(({ name }) => name === SPAN.decodeLeg);
    expect(legs.map(({ attributes }) => attributes[ATTR.attempt]).toSorted()).toEqual([1, 2]);
    expect(movesOf(trace)).toHaveLength(1);
    await traced.cluster.restart(writer);
    await traced.cluster.ready();
  },
}));
