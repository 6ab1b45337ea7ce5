/** What a request lives through when its first workers fail it. */
import type { ErrorCode, GenerationEvent, WorkerRole } from "@baton/core";
import { describe, expect, test } from "@jest/globals";
import { endedRoot, failure, inFlight, PREFILLED, startCluster as start } from "./testing/attempts.ts";
import { eventually } from "./testing/eventually.ts";
import type { WorkerScript } from "./testing/fake-worker.ts";
import { jsonOf, sseEvents, tokensOf, untilCanceled } from "./testing/test-cluster.ts";

/** Fails the prefill leg of the first `attempts` attempts, in which decode waits for KV that never comes. */
function failsPrefill(code: ErrorCode, attempts = 1): WorkerScript {
  return {
    async prefill({ attempt }) {
      if (attempt <= attempts) throw failure(code);
      return PREFILLED;
    },
    async *generate(call): AsyncGenerator<GenerationEvent, void, void> {
      if (call.attempt <= attempts) await untilCanceled(call.signal);
      yield* tokensOf("Hello there", call);
    },
  };
}

describe("a pair that fails before the first token", () => {
  test.each(["overloaded", "unavailable", "worker_lost", "kv_transfer_failed"] as const)(
    "with %s is followed by another, and the client sees only the answer",
    async (code) => {
      await using cluster = await start(failsPrefill(code));
      const response = await cluster.chat();
      expect(response.status).toBe(200);
      expect((await jsonOf(response)).choices[0].message.content).toBe("Hello there");
      const { root, prefills, decodes, retries } = await endedRoot(cluster);
      expect(root.error).toBeUndefined();
      expect(prefills).toMatchObject([
        { attempt: 1, failed: code },
        { attempt: 2, failed: undefined },
      ]);
      expect(decodes).toMatchObject([
        { attempt: 1, failed: "canceled" },
        { attempt: 2, failed: undefined },
      ]);
      expect(prefills[1]!.worker).not.toBe(prefills[0]!.worker);
      expect(prefills.map(({ room }) => room)).toEqual(decodes.map(({ room }) => room));
      expect(prefills[1]!.room).not.toBe(prefills[0]!.room);
      expect(retries).toEqual([
        {
          "baton.attempt": 2,
          "error.type": code,
          "error.message": "Cannot go on: the test says so",
          "baton.retry.delay": expect.any(Number),
        },
      ]);
    },
  );

  test("with a cancel that is not the router's counts as one that lost its other worker", async () => {
    await using cluster = await start(failsPrefill("canceled"));
    expect((await cluster.chat()).status).toBe(200);
    const { root, retries } = await endedRoot(cluster);
    expect(root.error).toBeUndefined();
    expect(retries).toMatchObject([{ "error.type": "worker_lost" }]);
  });

  test("because of its decode worker is tried on the other one", async () => {
    await using cluster = await start({
      prefill: ({ attempt, signal }) => (attempt === 1 ? untilCanceled(signal) : Promise.resolve(PREFILLED)),
      async *generate(call): AsyncGenerator<GenerationEvent, void, void> {
        if (call.attempt === 1) throw failure("unavailable");
        yield* tokensOf("Hello there", call);
      },
    });
    expect((await sseEvents(await cluster.chat({ stream: true }))).at(-1)).toBe("[DONE]");
    const { prefills, decodes } = await endedRoot(cluster);
    expect(prefills.map(({ failed }) => failed)).toEqual(["canceled", undefined]);
    expect(decodes.map(({ failed }) => failed)).toEqual(["unavailable", undefined]);
    expect(decodes[1]!.worker).not.toBe(decodes[0]!.worker);
  });

  test("on a worker that does both roles is tried on another one", async () => {
    await using cluster = await start(
      {
        prefill: () => Promise.resolve(PREFILLED),
        async *generate(call): AsyncGenerator<GenerationEvent, void, void> {
          if (call.attempt === 1) throw failure("worker_lost");
          yield* tokensOf("Hello there", call);
        },
      },
      ["aggregated", "aggregated"],
    );
    expect((await cluster.chat()).status).toBe(200);
    const { decodes } = await endedRoot(cluster);
    expect(decodes.map(({ failed }) => failed)).toEqual(["worker_lost", undefined]);
    expect(decodes[1]!.worker).not.toBe(decodes[0]!.worker);
  });
});

test("a worker that keeps failing is left alone, but for a trial now and then", async () => {
  const filled = new Set<bigint>();
  const script: WorkerScript = {
    async prefill({ room }) {
      filled.add(room);
      return PREFILLED;
    },
    async *generate(call): AsyncGenerator<GenerationEvent, void, void> {
      await eventually(() => call.signal.aborted || filled.has(call.handover!.room));
      yield* tokensOf("Hello there", call);
    },
  };
  await using cluster = await start(script, ["prefill", "decode"], ["--prefill-policy", "random"]);
  const broken = await cluster.addWorker("broken", "prefill", { script: failsPrefill("worker_lost", 9) });
  await eventually(async () => Object.keys(await inFlight(cluster)).length === 3);
  const prefills = cluster.worker("prefill-0").prefills;
  while (prefills.length < 40) expect((await cluster.chat()).status).toBe(200);
  // Half of them would be 20: five open the circuit, and a trial follows after one second, two, four.
  expect(broken.prefills.length).toBeLessThan(13);
});

describe("a request is not tried again", () => {
  test("more often than the limit says; the client gets the last error", async () => {
    const roles: readonly WorkerRole[] = ["prefill", "prefill", "prefill", "decode"];
    await using cluster = await start(failsPrefill("worker_lost", 9), roles, ["--retry-limit", "1"]);
    const response = await cluster.chat();
    expect([response.status, (await jsonOf(response)).error.code]).toEqual([502, "worker_lost"]);
    const { root, prefills } = await endedRoot(cluster);
    expect(prefills.map(({ failed }) => failed)).toEqual(["worker_lost", "worker_lost"]);
    expect(root.error?.code).toBe("worker_lost");
  });

  test("when all that could take the failed one's place have failed it", async () => {
    await using cluster = await start(failsPrefill("worker_lost", 9), undefined, ["--retry-limit", "9"]);
    expect((await cluster.chat()).status).toBe(502);
    const { prefills } = await endedRoot(cluster);
    expect(new Set(prefills.map(({ worker }) => worker)).size).toBe(2);
    expect(prefills).toHaveLength(2);
  });

  test.each(["kv_mismatch", "internal", "invalid_argument"] as const)("after %s", async (code) => {
    await using cluster = await start(failsPrefill(code));
    expect((await jsonOf(await cluster.chat())).error.code).toBe(code);
    expect((await endedRoot(cluster)).prefills).toHaveLength(1);
  });

  test("after its client has left during the pause", async () => {
    await using cluster = await start(failsPrefill("worker_lost"), undefined, [
      "--retry-base-ms",
      "60000",
      "--retry-max-ms",
      "60000",
    ]);
    const client = new AbortController();
    const answer = cluster.chat({}, { signal: client.signal }).catch(() => {});
    await eventually(() => cluster.tracer.roots.at(-1)?.events.some(({ name }) => name === "retry") ?? false);
    client.abort();
    await answer;
    const { root, prefills } = await endedRoot(cluster);
    expect([root.error?.code, prefills.length]).toEqual(["canceled", 1]);
  });

  test("when the pause would last beyond its deadline", async () => {
    const args = ["--retry-base-ms", "60000", "--retry-max-ms", "60000", "--request-timeout-ms", "20000"];
    await using cluster = await start(failsPrefill("worker_lost"), undefined, args);
    expect((await jsonOf(await cluster.chat())).error.code).toBe("worker_lost");
    expect((await endedRoot(cluster)).retries).toEqual([]);
  });
});
