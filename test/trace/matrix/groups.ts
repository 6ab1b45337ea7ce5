/** The matrix. */
import { SPAN } from "@baton/tracing";
import { ANSWERED, ANSWERED_BY_ONE_WORKER, COMPUTED_LOCALLY, DISAGGREGATED_TREE } from "./answered.ts";
import { DISTURBED } from "./disturbed.ts";
import { CROWDED, FAILED, FAILED_ONE_WORKER, REFUSED_BY_DECODE, REFUSED_BY_PREFILL } from "./failed.ts";
import { decodes, ENDLESS, LEFT, LEFT_ONE_WORKER, receives } from "./left.ts";
import { MOVED } from "./moved.ts";
import type { Scenario, ScenarioGroup } from "./scenario.ts";
import { longPrompt } from "./traced-run.ts";

/** Small chunks make a long prompt many steps, so that every phase can be met. */
const workerArgs = ["--chunk-tokens", "32", "--max-running", "2"];

/** A few of each kind, for what changes nothing in the shape of requests. */
const SHORT: readonly Scenario[] = [
  ...ANSWERED.slice(0, 2),
  {
    name: "a client that leaves while its KV is transferred",
    run: async (traced) => {
      const id = await traced.leave({ prompt: longPrompt() }, receives(traced));
      await traced.traceOf(id, [SPAN.decode]);
    },
  },
  {
    name: "decode-0 killed in mid-stream",
    async run(traced) {
      const failing = traced.fail(ENDLESS);
      await decodes(traced)();
      await traced.cluster.end("decode-0", "SIGKILL");
      await traced.traceOf((await failing).id, [SPAN.decodeLeg]);
      await traced.cluster.restart("decode-0");
      await traced.cluster.ready();
    },
  },
];

function withModule(module: string, spans: readonly string[]): ScenarioGroup {
  const traced: Scenario = {
    name: "an answer in one piece",
    run: async (run) => void (await run.traceOf(await run.ask(), [...DISAGGREGATED_TREE, ...spans])),
  };
  return {
    name: `with the module ${module}`,
    cluster: { workerArgs, env: { BATON_TRACE_MODULES: `request,${module}` } },
    scenarios: [traced, ...SHORT.slice(1)],
  };
}

export const GROUPS: readonly ScenarioGroup[] = [
  {
    name: "disaggregated",
    cluster: { workerArgs },
    scenarios: [...ANSWERED, ...DISTURBED, ...LEFT, ...FAILED],
  },
  {
    name: "aggregated",
    cluster: { mode: "aggregated", workerArgs },
    scenarios: [...ANSWERED_BY_ONE_WORKER, ...LEFT_ONE_WORKER, ...FAILED_ONE_WORKER],
  },
  {
    name: "conditional",
    cluster: { workerArgs, routerArgs: ["--disaggregation", "conditional"] },
    scenarios: COMPUTED_LOCALLY,
  },
  {
    name: "a router with room for one",
    cluster: { workerArgs, routerArgs: ["--max-inflight", "1", "--max-queued", "1"] },
    scenarios: CROWDED,
  },
  {
    name: "a prefill worker that refuses",
    cluster: { workerArgs, prefillArgs: ["--max-sequences", "1"] },
    scenarios: REFUSED_BY_PREFILL,
  },
  {
    name: "a decode worker that refuses, and deadlines",
    cluster: {
      routerArgs: ["--request-timeout-ms", "2000"],
      workerArgs,
      decodeArgs: ["--max-sequences", "1"],
    },
    scenarios: REFUSED_BY_DECODE,
  },
  {
    name: "a decode worker to spare, and no time to drain",
    cluster: { decode: 2, workerArgs: [...workerArgs, "--drain-timeout-ms", "0"] },
    scenarios: MOVED,
  },
  withModule("engine", []),
  withModule("kv_transfer", [SPAN.kvConnection]),
  withModule("routing", []),
  { name: "over HTTP", cluster: { workerArgs, protocol: "http/protobuf" }, scenarios: SHORT },
];
