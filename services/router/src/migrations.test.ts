/** What a request lives through when it loses its workers in the middle of its answer. */
import type { ErrorCode, GenerationEvent, WorkerRole } from "@baton/core";
import { describe, expect, test } from "@jest/globals";
import { endedRoot, failure, PREFILLED, startCluster } from "./testing/attempts.ts";
import { eventually } from "./testing/eventually.ts";
import type { WorkerScript } from "./testing/fake-worker.ts";
import { jsonOf, sseEvents, type TestCluster, untilCanceled } from "./testing/test-cluster.ts";

const TEXT = "Hello there";
const BYTES = [...Buffer.from(TEXT)];

/** Answers with the text; attempt i fails once the answer has `losses[i - 1]` tokens. */
function losing(losses: readonly number[], code: ErrorCode = "worker_lost"): WorkerScript {
  return {
    prefill: () => Promise.resolve(PREFILLED),
    async *generate({ request, attempt }): AsyncGenerator<GenerationEvent, void, void> {
      const { promptTokenIds, answeredTokenIds = [], sampling } = request;
      const loss = losses[attempt - 1];
      const length = Math.min(BYTES.length, sampling.maxTokens);
      for (const byte of BYTES.slice(answeredTokenIds.length, loss ?? length)) {
        yield { type: "tokens", tokenIds: [byte] };
      }
      if (loss !== undefined) throw failure(code);
      const usage = { promptTokens: promptTokenIds.length, cachedTokens: 0, completionTokens: length };
      yield { type: "end", reason: "stop", usage };
    },
  };
}

const generations = (cluster: TestCluster, ...workers: readonly string[]) =>
  workers
    .flatMap((id) => cluster.worker(id).generations)
    .toSorted((a, b) => a.attempt - b.attempt)
    .map(({ request }) => request);

// biome-ignore lint/suspicious/noExplicitAny: events of the API
const textOf = (events: readonly any[]) =>
  events.map((event) => event.choices?.[0]?.delta?.content ?? "").join("");

async function samples(cluster: TestCluster, metric: string): Promise<string[]> {
  const text = await (await fetch(`${cluster.url}/metrics`)).text();
  return text.split("\n").filter((line) => line.startsWith(`${metric}{`));
}

describe("an answer that loses its workers", () => {
  test.each(["worker_lost", "unavailable", "kv_transfer_failed"] as const)(
    "by %s goes on elsewhere, and its client sees no more than a pause",
    async (code) => {
      await using cluster = await startCluster(losing([5], code));
      const events = await sseEvents(
        await cluster.chat({ stream: true, seed: 3, stream_options: { include_usage: true } }),
      );
      expect(textOf(events)).toBe(TEXT);
      expect(events.at(-1)).toBe("[DONE]");
      const { prompt_tokens, completion_tokens } = events.at(-2).usage;
      const { root, prefills, decodes, retries, migrations } = await endedRoot(cluster);

      const [first, second] = generations(cluster, "decode-2", "decode-3");
      expect([prompt_tokens, completion_tokens]).toEqual([first!.promptTokenIds.length, BYTES.length]);
      expect(first!.answeredTokenIds).toBeUndefined();
      expect(second).toEqual({
        ...first,
        answeredTokenIds: BYTES.slice(0, 5),
        deadline: expect.any(Number),
      });
      expect(root.error).toBeUndefined();
      expect(root.attributes["baton.migrations"]).toBe(1);
      expect(retries).toEqual([]);
      expect(migrations).toEqual([
        {
          "baton.attempt": 2,
          "baton.answered_tokens": 5,
          "error.type": code,
          "error.message": "Cannot go on: the test says so",
          "baton.retry.delay": 0,
        },
      ]);
      expect(prefills.map(({ attempt, failed }) => [attempt, failed])).toEqual([
        [1, undefined],
        [2, undefined],
      ]);
      expect(decodes.map(({ attempt, failed }) => [attempt, failed])).toEqual([
        [1, code],
        [2, undefined],
      ]);
      expect(decodes[1]!.worker).not.toBe(decodes[0]!.worker);
      expect(prefills[1]!.room).not.toBe(prefills[0]!.room);
      expect(await samples(cluster, "baton_router_migrations_total")).toEqual([
        expect.stringMatching(new RegExp(`reason="${code}".* 1$`)),
      ]);
    },
  );

  test("several times goes on each time, up to the limit", async () => {
    const roles: readonly WorkerRole[] = ["prefill", "decode", "decode", "decode"];
    await using cluster = await startCluster(losing([2, 4, 4]), roles, ["--migration-limit", "2"]);
    const events = await sseEvents(await cluster.chat({ stream: true }));
    expect(textOf(events)).toBe(TEXT.slice(0, 4));
    expect(events.at(-1)).toMatchObject({ error: { code: "worker_lost" } });
    const { root, decodes, migrations } = await endedRoot(cluster);
    expect(root.error?.code).toBe("worker_lost");
    expect(decodes).toHaveLength(3);
    expect(migrations.map((event) => event["baton.answered_tokens"])).toEqual([2, 4]);
  });

  test("on a worker that does both roles goes on with another one", async () => {
    await using cluster = await startCluster(losing([4]), ["aggregated", "aggregated"]);
    expect((await jsonOf(await cluster.chat())).choices[0].message.content).toBe(TEXT);
    const { decodes, migrations } = await endedRoot(cluster);
    expect(decodes.map(({ failed }) => failed)).toEqual(["worker_lost", undefined]);
    expect(migrations).toHaveLength(1);
  });

  test("goes on as one of several choices while the others are written", async () => {
    await using cluster = await startCluster(losing([4]));
    const { choices, usage } = await jsonOf(await cluster.chat({ n: 2 }));
    expect(choices.map((choice: { message: { content: string } }) => choice.message.content)).toEqual([
      TEXT,
      TEXT,
    ]);
    expect(usage.completion_tokens).toBe(2 * BYTES.length);
    const { root } = await endedRoot(cluster);
    expect(root.attributes["baton.migrations"]).toBe(2);
  });

  test("does not need its prefill worker any more once it has a token", async () => {
    const lost = Promise.withResolvers<never>();
    const noticed = Promise.withResolvers<void>();
    const { generate } = losing([]);
    await using cluster = await startCluster({
      prefill: () => lost.promise,
      async *generate(call): AsyncGenerator<GenerationEvent, void, void> {
        for await (const event of generate(call)) {
          yield event;
          await noticed.promise;
        }
      },
    });
    const response = await cluster.chat({ stream: true });
    lost.reject(failure("worker_lost"));
    await eventually(() => cluster.tracer.roots.at(-1)?.find("prefill_leg")?.ended ?? false);
    noticed.resolve();
    expect(textOf(await sseEvents(response))).toBe(TEXT);
    const { root, prefills, decodes } = await endedRoot(cluster);
    expect([root.error, prefills.length, decodes[0]!.failed]).toEqual([undefined, 1, undefined]);
  });
});

describe("an answer does not go on", () => {
  test.each([
    ["--migration-limit", "0"],
    ["--migration-max-tokens", "8"],
  ])("with %s %s", async (...args) => {
    await using cluster = await startCluster(losing([5]), undefined, args);
    const events = await sseEvents(await cluster.chat({ stream: true }));
    expect(textOf(events)).toBe("Hello");
    expect(events.at(-1)).toMatchObject({ error: { code: "worker_lost" } });
    const { decodes, migrations } = await endedRoot(cluster);
    expect([decodes.length, migrations.length]).toEqual([1, 0]);
  });

  test("where no other worker could take the lost one's place", async () => {
    await using cluster = await startCluster(losing([5]), ["prefill", "prefill", "decode"]);
    const response = await cluster.chat();
    expect([response.status, (await jsonOf(response)).error.code]).toEqual([502, "worker_lost"]);
    expect((await endedRoot(cluster)).decodes).toHaveLength(1);
  });

  test("when its stop string was found and only its end is missing", async () => {
    await using cluster = await startCluster(losing([11]));
    const { choices, usage } = await jsonOf(await cluster.chat({ stop: [" th"] }));
    expect(choices[0]).toMatchObject({ message: { content: "Hello" }, finish_reason: "stop" });
    expect(usage.completion_tokens).toBe(11);
    expect((await endedRoot(cluster)).decodes).toHaveLength(1);
  });

  test("when it has all tokens that were asked for and only its end is missing", async () => {
    await using cluster = await startCluster(losing([5]));
    const { choices, usage } = await jsonOf(await cluster.chat({ max_tokens: 5 }));
    expect(choices[0]).toMatchObject({ message: { content: "Hello" }, finish_reason: "length" });
    expect(usage.completion_tokens).toBe(5);
    const { root, decodes } = await endedRoot(cluster);
    expect([root.error, decodes.length]).toEqual([undefined, 1]);
  });

  test("after its client has left", async () => {
    const script = losing([]);
    await using cluster = await startCluster({
      ...script,
      async *generate(call): AsyncGenerator<GenerationEvent, void, void> {
        yield { type: "tokens", tokenIds: [72] };
        await untilCanceled(call.signal);
      },
    });
    const client = new AbortController();
    const response = await cluster.chat({ stream: true }, { signal: client.signal });
    client.abort();
    await response.text().catch(() => {});
    const { root, decodes } = await endedRoot(cluster);
    expect([root.error?.code, decodes.length]).toEqual(["canceled", 1]);
  });
});
