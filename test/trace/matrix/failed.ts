/** Requests that are refused, and requests whose workers die. */
import { ATTR, SPAN } from "@baton/tracing";
import { expect } from "@jest/globals";
import { decodes, ENDLESS, prefills, queuedInRouter, receives } from "./left.ts";
import type { Scenario } from "./scenario.ts";
import { longPrompt, type TracedRun } from "./traced-run.ts";

const badRequest: Scenario = {
  name: "a request that is refused before any worker is touched",
  async run(traced) {
    const { id, status } = await traced.fail({ prompt: "a".repeat(20_000) });
    expect(status).toBe(400);
    const trace = await traced.traceOf(id);
    expect(trace[0]!.attributes[ATTR.errorType]).toBe("invalid_argument");
    expect(trace.map(({ name }) => name)).not.toContain(SPAN.prefillLeg);
  },
};

/** Kills a worker once `phase` has come; the request must fail, and the worker serves again afterwards. */
function killed(
  worker: string,
  name: string,
  body: Record<string, unknown>,
  phase: (traced: TracedRun) => () => Promise<unknown>,
): Scenario {
  return {
    name: `${worker} killed ${name}`,
    async run(traced) {
      const failing = traced.fail(body);
      await phase(traced)();
      await traced.cluster.end(worker, "SIGKILL");
      const { id } = await failing;
      await traced.traceOf(id, [SPAN.decodeLeg]);
      await traced.cluster.restart(worker);
      await traced.cluster.ready();
    },
  };
}

const noWorker: Scenario = {
  name: "no worker of a role",
  async run(traced) {
    await traced.cluster.end("decode-0");
    const { id, status } = await traced.fail();
    expect(status).toBe(503);
    await traced.traceOf(id);
    await traced.cluster.restart("decode-0");
    await traced.cluster.ready();
  },
};

/** Says from when on workers count as busy. */
async function putThreshold(traced: TracedRun, kvUse: number): Promise<void> {
  const body = JSON.stringify({ kv_use: kvUse });
  const answer = await fetch(`${traced.cluster.url}/busy_threshold`, { method: "PUT", body });
  expect(answer.status).toBe(200);
}

const everybodyBusy: Scenario = {
  name: "overload: every worker of a role is busy",
  async run(traced) {
    let refused = { id: "", status: 0 };
    const running = await traced.leave(ENDLESS, async () => {
      await decodes(traced)();
      await putThreshold(traced, 0.000_001);
      refused = await traced.fail();
      await putThreshold(traced, 1);
    });
    expect(refused.status).toBe(429);
    const trace = await traced.traceOf(refused.id, [SPAN.admission]);
    expect(trace.map(({ name }) => name)).not.toContain(SPAN.decodeRouting);
    await traced.traceOf(running, [SPAN.decode]);
  },
};

export const FAILED: readonly Scenario[] = [
  badRequest,
  everybodyBusy,
  killed("prefill-0", "while it prefills", { prompt: longPrompt() }, prefills),
  killed("prefill-0", "in mid-transfer", { prompt: longPrompt() }, receives),
  killed("decode-0", "while it receives KV", { prompt: longPrompt() }, receives),
  killed("decode-0", "in mid-stream", ENDLESS, decodes),
  killed("decode-0", "while it writes an answer in one piece", { max_tokens: 5000 }, decodes),
  noWorker,
];

export const FAILED_ONE_WORKER: readonly Scenario[] = [
  badRequest,
  killed("decode-0", "in mid-stream", ENDLESS, decodes),
];

/** In a cluster whose router works on one request at a time and lets one wait. */
export const CROWDED: readonly Scenario[] = [
  {
    name: "overload: no place and no place in the queue",
    async run(traced) {
      let refused = { id: "", status: 0 };
      let waited = "";
      const first = await traced.leave(ENDLESS, async () => {
        await decodes(traced)();
        waited = await traced.leave({}, async () => {
          await queuedInRouter(traced)();
          refused = await traced.fail();
        });
      });
      expect(refused.status).toBe(429);
      const trace = await traced.traceOf(refused.id, [SPAN.admission]);
      expect(trace.find(({ name }) => name === `Req ${refused.id}`)!.attributes[ATTR.errorType]).toBe(
        "overloaded",
      );
      await traced.traceOf(waited, [SPAN.admission]);
      await traced.traceOf(first, [SPAN.decode]);
    },
  },
];

/** In a cluster whose prefill worker takes one request at a time. */
export const REFUSED_BY_PREFILL: readonly Scenario[] = [
  {
    name: "an error of the prefill worker",
    run: (traced) => refusedBehind(traced, { prompt: longPrompt() }, prefills, SPAN.prefillLeg),
  },
];

/** In a cluster whose decode worker takes one request at a time, and whose requests have two seconds. */
export const REFUSED_BY_DECODE: readonly Scenario[] = [
  {
    name: "an error of the decode worker",
    run: (traced) => refusedBehind(traced, ENDLESS, decodes, SPAN.decodeLeg),
  },
  {
    name: "a deadline that passes while the workers are being connected",
    async run(traced) {
      const worker = traced.cluster.process("prefill-0");
      worker.child.kill("SIGSTOP");
      const { id, status } = await traced.fail();
      expect(status).toBe(504);
      worker.child.kill("SIGCONT");
      await traced.traceOf(id, [SPAN.prefillLeg, SPAN.decode]);
    },
  },
  {
    name: "a deadline that passes in mid-stream",
    async run(traced) {
      const failing = traced.fail({ ...ENDLESS, max_tokens: 8000 });
      await decodes(traced)();
      const worker = traced.cluster.process("decode-0");
      worker.child.kill("SIGSTOP");
      const { id } = await failing;
      worker.child.kill("SIGCONT");
      await traced.traceOf(id, [SPAN.decode, SPAN.prefill]);
    },
  },
];

/** Sends a second request while the first keeps a worker busy; it must be refused by that worker. */
async function refusedBehind(
  traced: TracedRun,
  first: Record<string, unknown>,
  phase: (traced: TracedRun) => () => Promise<unknown>,
  leg: string,
): Promise<void> {
  let refused = { id: "", status: 0 };
  const ahead = await traced.leave(first, async () => {
    await phase(traced)();
    refused = await traced.fail();
  });
  expect(refused.status).toBe(429);
  const trace = await traced.traceOf(refused.id, [leg]);
  const failed = trace.filter(({ name, status }) => name === leg && status.code === "error");
  expect(failed).toHaveLength(1);
  await traced.traceOf(ahead);
}
