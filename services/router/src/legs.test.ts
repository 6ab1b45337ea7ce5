/** What one leg's fate means for the other, for the client and for the trace. */
import { subscribe } from "node:diagnostics_channel";
import { BatonError, type RequestId } from "@baton/core";
import { describe, expect, test } from "@jest/globals";
import { eventually } from "./testing/eventually.ts";
import {
  jsonOf,
  sseEvents,
  TestCluster,
  type TestClusterOptions,
  tokensOf,
  untilCanceled,
} from "./testing/test-cluster.ts";

type Script = NonNullable<TestClusterOptions["script"]>;

const start = (script: Script, args: readonly string[] = []) => TestCluster.start({ script, args });
const forever: Pick<Required<Script>, "prefill"> = { prefill: (call) => untilCanceled(call.signal) };

/** Writes a text, then waits until it is canceled. */
const writesAndHangs: Pick<Required<Script>, "generate"> = {
  async *generate(call) {
    for (const byte of Buffer.from("Hello")) yield { type: "tokens", tokenIds: [byte] };
    await untilCanceled(call.signal);
  },
};

function expectCleanTrace(cluster: TestCluster) {
  expect(cluster.tracer.open).toBe(0);
  expect(cluster.tracer.roots.flatMap((root) => root.defects())).toEqual([]);
  return cluster.tracer.roots.at(-1)!;
}

describe("a request that goes well", () => {
  test("leaves the whole tree, with the room on both legs and the candidates in the search", async () => {
    await using cluster = await start({});
    const traceparent = `00-${"a".repeat(32)}-${"b".repeat(16)}-01`;
    await jsonOf(await cluster.chat({}, { headers: { traceparent, tracestate: "k=v" } }));
    await eventually(() => cluster.tracer.open === 0);
    const root = expectCleanTrace(cluster);
    expect(root.header).toEqual({ traceparent, tracestate: "k=v" });
    expect(root.children.map(({ name }) => name)).toEqual([
      "admission",
      "tokenize",
      "prefill_routing",
      "decode_routing",
      "prefill_leg",
      "decode_leg",
    ]);
    const room = root.find("prefill_leg")!.attributes.bootstrap_room;
    expect(room).toMatch(/^[0-9a-f]{16}$/);
    expect(root.find("decode_leg")!.attributes.bootstrap_room).toBe(room);
    expect(root.find("prefill_routing")!.find("kv_find_best_match")!.events).toHaveLength(1);
    expect(root.error).toBeUndefined();
    expect(root.attributes).toMatchObject({
      "gen_ai.response.finish_reasons": ["stop"],
      "gen_ai.usage.completion_tokens": 11,
      "http.response.status_code": 200,
    });
  });

  test("ends the root only after a prefill leg that ends late", async () => {
    const hold = Promise.withResolvers<void>();
    await using cluster = await start({
      async prefill() {
        await hold.promise;
        return {
          usage: { promptTokens: 1, cachedTokens: 0, completionTokens: 1 },
          firstTokenId: 1,
          kvBytes: 1,
        };
      },
    });
    expect((await cluster.chat()).status).toBe(200);
    expect(cluster.tracer.open).toBe(1);
    hold.resolve();
    await eventually(() => cluster.tracer.open === 0);
    expectCleanTrace(cluster);
  });

  test("takes one aggregated worker without a hand-over", async () => {
    await using cluster = await TestCluster.start({ workers: ["aggregated"] });
    await cluster.ready();
    expect((await cluster.chat()).status).toBe(200);
    expect(cluster.worker("aggregated-0").generations[0]).not.toHaveProperty("handover", expect.anything());
    expect(cluster.worker("aggregated-0").prefills).toEqual([]);
    await eventually(() => cluster.tracer.open === 0);
    expect(expectCleanTrace(cluster).children.map(({ name }) => name)).toEqual([
      "admission",
      "tokenize",
      "decode_routing",
      "decode_leg",
    ]);
  });
});

describe("a failing leg", () => {
  test("prefill: the client gets its error, and decode is canceled at once", async () => {
    await using cluster = await start({
      prefill: async () => {
        throw new BatonError("overloaded", "Cannot add the sequence: the queue is full");
      },
      ...writesAndHangs,
    });
    const response = await cluster.chat();
    expect(response.status).toBe(429);
    expect(response.headers.get("retry-after")).toBe("1");
    expect((await jsonOf(response)).error).toMatchObject({ code: "overloaded", type: "rate_limit_error" });
    await eventually(() => cluster.worker("decode-0").generations[0]!.signal.aborted);
    const root = expectCleanTrace(cluster);
    expect(root.error?.code).toBe("overloaded");
    expect(root.find("prefill_leg")!.error?.code).toBe("overloaded");
    expect(root.find("decode_leg")!.error?.code).toBe("canceled");
  });

  test("decode: the client gets its error, and prefill is canceled at once", async () => {
    await using cluster = await start({
      ...forever,
      // biome-ignore lint/correctness/useYield: it fails before its first event
      async *generate() {
        throw new BatonError("kv_mismatch", "Cannot receive KV: the layouts differ");
      },
    });
    const response = await cluster.chat({ stream: true });
    expect(response.status).toBe(502);
    expect((await jsonOf(response)).error).toMatchObject({ code: "kv_mismatch" });
    await eventually(() => cluster.worker("prefill-0").prefills[0]!.signal.aborted);
    const root = expectCleanTrace(cluster);
    expect(root.find("prefill_leg")!.error?.code).toBe("canceled");
    expect(root.error?.code).toBe("kv_mismatch");
  });

  test("after the first byte is the last event of the stream, without [DONE]", async () => {
    await using cluster = await start({
      async *generate() {
        yield { type: "tokens", tokenIds: [72, 105] };
        throw new BatonError("internal", "Cannot execute the step: the engine stopped");
      },
    });
    const response = await cluster.chat({ stream: true });
    expect(response.status).toBe(200);
    const events = await sseEvents(response);
    expect(events.at(-2).choices[0].delta.content).toBe("Hi");
    expect(events.at(-1)).toMatchObject({ error: { code: "internal", type: "server_error" } });
    await eventually(() => cluster.tracer.open === 0);
    expect(expectCleanTrace(cluster).error?.code).toBe("internal");
  });

  test("because its worker died is an error that says so", async () => {
    await using cluster = await start(writesAndHangs);
    const response = await cluster.chat({ stream: true });
    const reader = response.body!.getReader();
    await reader.read();
    const worker = cluster.worker("decode-0");
    void worker[Symbol.asyncDispose]();
    let text = "";
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      text += Buffer.from(part.value).toString();
    }
    expect(text).toContain('"error"');
    expect(text).not.toContain("[DONE]");
    await eventually(() => cluster.tracer.open === 0);
    expectCleanTrace(cluster);
  });

  test("prefill after a complete answer does not fail the answer", async () => {
    const hold = Promise.withResolvers<never>();
    await using cluster = await start({ prefill: () => hold.promise });
    const response = await cluster.chat();
    expect(response.status).toBe(200);
    hold.reject(new BatonError("kv_transfer_failed", "Cannot hand over: the peer is gone"));
    await eventually(() => cluster.tracer.open === 0);
    const root = expectCleanTrace(cluster);
    expect(root.error).toBeUndefined();
    expect(root.find("prefill_leg")!.error?.code).toBe("kv_transfer_failed");
  });
});

describe("a client that leaves", () => {
  test.each([{ stream: true }, { stream: false }])("cancels both legs with %j", async (fields) => {
    await using cluster = await start({ ...forever, ...writesAndHangs });
    const client = new AbortController();
    const response = cluster.chat(fields, { signal: client.signal });
    if (fields.stream) await (await response).body!.getReader().read();
    await eventually(() => cluster.worker("prefill-0").prefills.length === 1);
    await eventually(() => cluster.worker("decode-0").generations.length === 1);
    client.abort();
    await response.then(
      () => {},
      () => {},
    );
    await eventually(() => cluster.tracer.open === 0);
    await eventually(() => cluster.worker("prefill-0").prefills[0]!.signal.aborted);
    await eventually(() => cluster.worker("decode-0").generations[0]!.signal.aborted);
    const root = expectCleanTrace(cluster);
    expect(root.error?.code).toBe("canceled");
  });

  test("while it waits for its turn leaves the queue to the next", async () => {
    await using cluster = await start({ ...forever, ...writesAndHangs }, [
      "--max-inflight",
      "1",
      "--max-queued",
      "1",
    ]);
    const first = new AbortController();
    const second = new AbortController();
    const running = cluster.chat({ stream: true }, { signal: first.signal });
    await (await running).body!.getReader().read();
    const waiting = cluster.chat({}, { signal: second.signal }).catch(() => {});
    await eventually(() => cluster.tracer.roots.length === 2);
    const refused = await cluster.chat();
    expect(refused.status).toBe(429);
    second.abort();
    await waiting;
    await eventually(() => cluster.tracer.roots[1]!.ended);
    expect(cluster.tracer.roots[1]!.error?.code).toBe("canceled");
    first.abort();
    await eventually(() => cluster.tracer.open === 0);
    expectCleanTrace(cluster);
  });

  test("before its body is complete leaves one complete trace", async () => {
    await using cluster = await start({});
    const client = new AbortController();
    const body = new ReadableStream({
      start: (controller) => controller.enqueue(new TextEncoder().encode("{")),
    });
    const init = { method: "POST", body, duplex: "half", signal: client.signal } as RequestInit;
    const arrived = new Promise((resolve) => subscribe("http.server.request.start", resolve));
    const response = fetch(`${cluster.url}/v1/chat/completions`, init).catch(() => {});
    await arrived;
    client.abort();
    await response;
    await eventually(() => cluster.tracer.roots.length === 1 && cluster.tracer.open === 0);
    expect(expectCleanTrace(cluster).error?.code).toBe("canceled");
  });
});

describe("limits and ends", () => {
  test("a deadline that passes fails both legs and the request", async () => {
    await using cluster = await start({ ...forever, ...writesAndHangs }, ["--request-timeout-ms", "300"]);
    const response = await cluster.chat();
    expect(response.status).toBe(504);
    expect((await jsonOf(response)).error.message).toContain("deadline passed");
    expect(expectCleanTrace(cluster).error?.code).toBe("deadline_exceeded");
  });

  test("a missing role is a 503, and the readiness says which", async () => {
    await using cluster = await TestCluster.start({ workers: [] });
    const readiness = await fetch(`${cluster.url}/readiness`);
    expect([readiness.status, await jsonOf(readiness)]).toEqual([
      503,
      { status: "not_ready", missing: ["prefill worker", "decode worker"] },
    ]);
    expect((await fetch(`${cluster.url}/health`)).status).toBe(200);
    const response = await cluster.chat({ stream: true });
    expect([response.status, (await jsonOf(response)).error.code]).toEqual([503, "unavailable"]);
    expect(expectCleanTrace(cluster).error?.code).toBe("unavailable");
  });

  test("a stopping router lets running requests end and takes no new ones", async () => {
    const hold = Promise.withResolvers<void>();
    await using cluster = await start({
      async *generate(call) {
        yield { type: "tokens", tokenIds: [72] };
        await hold.promise;
        yield* tokensOf("ello", call);
      },
    });
    const running = await cluster.chat({ stream: true });
    const closed = cluster.close();
    expect((await fetch(`${cluster.url}/readiness`)).status).toBe(503);
    const refused = await cluster.chat();
    expect([refused.status, (await jsonOf(refused)).error.code]).toEqual([503, "unavailable"]);
    hold.resolve();
    expect((await sseEvents(running)).at(-1)).toBe("[DONE]");
    await closed;
    expectCleanTrace(cluster);
  });

  test("a stopping router aborts what does not end in time", async () => {
    await using cluster = await start({ ...forever, ...writesAndHangs }, ["--drain-timeout-ms", "50"]);
    const running = await cluster.chat({ stream: true });
    await cluster.close();
    expect((await sseEvents(running)).at(-1)).toMatchObject({ error: { code: "unavailable" } });
    expectCleanTrace(cluster);
  });

  test("two running requests never share an id", async () => {
    await using cluster = await start({ ...forever, ...writesAndHangs });
    const headers = { "x-request-id": "same" };
    const first = await cluster.chat({ stream: true }, { headers });
    const second = await cluster.chat({ stream: true }, { headers });
    expect(first.headers.get("x-request-id")).toBe("same");
    expect(second.headers.get("x-request-id")).not.toBe("same");
    const ids = cluster.worker("decode-0").generations.map((call): RequestId => call.request.requestId);
    expect(new Set(ids).size).toBe(2);
    await Promise.all([first.body!.cancel(), second.body!.cancel()]);
    await eventually(() => cluster.tracer.open === 0);
  });

  test("a worker of another model is refused when it registers", async () => {
    const warnings: string[] = [];
    const keep = (fields: object) => warnings.push(String((fields as { err?: Error }).err?.message));
    const logger = { debug() {}, info() {}, warn: keep, error: keep };
    await using cluster = await TestCluster.start({ workers: [] });
    await cluster.addWorker("decode-9", "decode", { modelHash: "f00d", logger });
    await eventually(() => warnings.length > 0);
    expect(warnings[0]).toContain('Cannot accept worker "decode-9": its model hash is "f00d"');
  });
});
