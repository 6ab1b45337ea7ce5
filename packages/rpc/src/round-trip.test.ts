import {
  BatonError,
  bootstrapRoom,
  type GenerationEvent,
  type GenerationRequest,
  NO_TIMINGS,
  requestId,
} from "@baton/core";
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import type { DrainOrder, WorkerStatus } from "./control-service.ts";
import type { GenerateCall } from "./decode-service.ts";
import type { PrefillCall } from "./prefill-service.ts";
import {
  collect,
  decodeService,
  END,
  generateCall,
  prefillCall,
  startDecodeServer,
  startPrefillServer,
  startServer,
  uncanceled,
} from "./testing/fixtures.ts";

const uint32 = fc.nat({ max: 2 ** 32 - 1 });
const bias = fc.float({ min: -100, max: 100, noNaN: true });
const roomArbitrary = fc.bigInt({ min: 1n, max: (1n << 63n) - 1n }).map(bootstrapRoom);
const requestFields = {
  requestId: fc.string({ minLength: 1, maxLength: 80, unit: "grapheme" }).map(requestId),
  promptTokenIds: fc.array(uint32, { minLength: 1, maxLength: 50 }),
  sampling: fc.record(
    {
      temperature: fc.float({ min: 0, max: 2, noNaN: true }).map(Math.abs),
      topP: fc.float({ min: Math.fround(0.001), max: 1, noNaN: true }),
      topK: uint32,
      minP: fc.float({ min: 0, max: 1, noNaN: true }).map(Math.abs),
      repetitionPenalty: fc.float({ min: Math.fround(0.001), max: 2, noNaN: true }),
      presencePenalty: bias,
      frequencyPenalty: bias,
      logitBias: fc.array(fc.record({ tokenId: uint32, bias }), { maxLength: 5 }),
      seed: fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
      maxTokens: fc.integer({ min: 100, max: 2 ** 32 - 1 }),
      minTokens: fc.nat(100),
      stopTokenIds: fc.array(uint32, { maxLength: 5 }),
      topLogprobs: fc.nat(20),
    },
    { noNullPrototype: true },
  ),
};
const requestArbitrary: fc.Arbitrary<Omit<GenerationRequest, "deadline">> = fc.oneof(
  fc.record(requestFields),
  fc.record({ ...requestFields, answeredTokenIds: fc.array(uint32, { minLength: 1, maxLength: 50 }) }),
);
const headerArbitrary = fc.constantFrom(
  undefined,
  { traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00" },
  { traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", tracestate: "vendor=1" },
);

describe("a prefill call", () => {
  test("arrives as it was sent, and so does its answer", async () => {
    let seen: PrefillCall | undefined;
    const answer = {
      usage: { promptTokens: 3, cachedTokens: 2, completionTokens: 1 },
      firstTokenId: 2 ** 32 - 1,
      kvBytes: 2 ** 40 + 1,
      timings: { ...NO_TIMINGS, prefillMs: 12.345, firstTokenMs: 1e-9 },
    };
    await using peer = await startPrefillServer(async (call) => {
      seen = call;
      return answer;
    });
    const calls = fc.record({
      request: requestArbitrary,
      room: roomArbitrary,
      attempt: fc.integer({ min: 1, max: 9 }),
      header: headerArbitrary,
    });
    await fc.assert(
      fc.asyncProperty(calls, async (call) => {
        const deadline = Date.now() + 60_000;
        const sent = { ...call, request: { ...call.request, deadline } };
        expect(await peer.prefill.prefill(sent, uncanceled())).toEqual(answer);
        const { signal, request, ...rest } = seen!;
        expect(rest).toEqual({ room: call.room, attempt: call.attempt, header: call.header });
        expect({ ...request, deadline: 0 }).toEqual({ ...call.request, deadline: 0 });
        expect(signal.aborted).toBe(false);
      }),
      { numRuns: 50 },
    );
  });

  test("carries its deadline, to within the time that it travels", async () => {
    let deadline = 0;
    await using peer = await startPrefillServer(async (call) => {
      deadline = call.request.deadline;
      return {
        usage: { promptTokens: 3, cachedTokens: 0, completionTokens: 1 },
        firstTokenId: 1,
        kvBytes: 0,
      };
    });
    const call = prefillCall();
    await peer.prefill.prefill(call, uncanceled());
    expect(Math.abs(deadline - call.request.deadline)).toBeLessThan(30_000);
  });

  test("may have a deadline that no timer can hold", async () => {
    await using peer = await startPrefillServer(async () => ({
      usage: { promptTokens: 3, cachedTokens: 0, completionTokens: 1 },
      firstTokenId: 5,
      kvBytes: 0,
    }));
    for (const deadline of [Date.now() + 1e12, Number.POSITIVE_INFINITY]) {
      const call = prefillCall({ request: { ...prefillCall().request, deadline } });
      expect((await peer.prefill.prefill(call, uncanceled())).firstTokenId).toBe(5);
    }
  });

  test("carries a prompt of 150,000 tokens", async () => {
    const promptTokenIds = Array.from({ length: 150_000 }, (_, i) => 4_000_000_000 + i);
    let seen: readonly number[] = [];
    await using peer = await startPrefillServer(async (call) => {
      seen = call.request.promptTokenIds;
      return {
        usage: { promptTokens: 3, cachedTokens: 0, completionTokens: 1 },
        firstTokenId: 1,
        kvBytes: 0,
      };
    });
    await peer.prefill.prefill(
      prefillCall({ request: { ...prefillCall().request, promptTokenIds } }),
      uncanceled(),
    );
    expect(seen).toEqual(promptTokenIds);
  });

  test("starts inside `run`", async () => {
    await using peer = await startPrefillServer(async () => ({
      usage: { promptTokens: 3, cachedTokens: 0, completionTokens: 1 },
      firstTokenId: 1,
      kvBytes: 0,
    }));
    let runs = 0;
    const run = <T>(fn: () => T): T => {
      runs += 1;
      return fn();
    };
    await peer.prefill.prefill(prefillCall(), { ...uncanceled(), run });
    expect(runs).toBe(1);
  });
});

describe("a generation", () => {
  test("arrives as it was sent, with and without a hand-over", async () => {
    let seen: GenerateCall | undefined;
    await using peer = await startDecodeServer(async function* (call) {
      seen = call;
      yield END;
    });
    const handover = { host: "10.0.0.1", port: 65535, room: bootstrapRoom((1n << 63n) - 1n) };
    for (const call of [generateCall(), generateCall({ handover, attempt: 3 })]) {
      await collect(peer.decode.generate(call, uncanceled()));
      const { signal, request, ...rest } = seen!;
      expect(signal.aborted).toBe(false);
      expect({ ...rest, request: { ...request, deadline: 0 } }).toEqual({
        ...call,
        request: { ...call.request, deadline: 0 },
      });
    }
  });

  test("streams every event in order, however slowly it is read", async () => {
    const events: GenerationEvent[] = Array.from({ length: 3000 }, (_, i) => ({
      type: "tokens",
      tokenIds: [i, i + 1],
    }));
    await using peer = await startDecodeServer(async function* () {
      yield* events;
      yield END;
    });
    const received: GenerationEvent[] = [];
    for await (const event of peer.decode.generate(generateCall(), uncanceled())) {
      received.push(event);
      if (received.length % 100 === 0) await new Promise(setImmediate);
    }
    expect(received).toEqual([...events, END]);
  });

  test("is held back at the server while nobody reads", async () => {
    let produced = 0;
    await using peer = await startDecodeServer(async function* () {
      const tokenIds = Array.from({ length: 10_000 }, (_, i) => i);
      for (; produced < 10_000; produced += 1) yield { type: "tokens", tokenIds };
      yield END;
    });
    const events = peer.decode.generate(generateCall(), uncanceled())[Symbol.asyncIterator]();
    await events.next();
    // Every health check is a round trip; while these pass, an unbounded producer would get through all of it.
    for (let i = 0; i < 50; i += 1) await peer.health.check(uncanceled());
    expect(produced).toBeLessThan(1000);
    await events.return?.();
  });

  test("is one of 500 at once over one connection, each with its own answer", async () => {
    const all = Promise.withResolvers<void>();
    let started = 0;
    await using peer = await startDecodeServer(async function* ({ request }) {
      started += 1;
      if (started === 500) all.resolve();
      await all.promise;
      yield { type: "tokens", tokenIds: request.promptTokenIds };
      yield END;
    });
    const answers = Array.from({ length: 500 }, (_, i) => {
      const request = { ...generateCall().request, promptTokenIds: [i] };
      return collect(peer.decode.generate(generateCall({ request }), uncanceled()));
    });
    const expected = answers.map((_, i) => [{ type: "tokens", tokenIds: [i] }, END]);
    expect(await Promise.all(answers)).toEqual(expected);
  });

  test("without an end event is an error", async () => {
    await using peer = await startDecodeServer(async function* () {
      yield { type: "tokens", tokenIds: [1] };
    });
    await expect(collect(peer.decode.generate(generateCall(), uncanceled()))).rejects.toMatchObject({
      code: "worker_lost",
      message: expect.stringContaining("expected an end event first"),
    });
  });

  test("can be stopped by request id and attempt", async () => {
    const stopped: unknown[] = [];
    await using peer = await startServer((server) =>
      server.addDecode(
        decodeService(
          async function* () {},
          (...call) => stopped.push(call),
        ),
      ),
    );
    await peer.decode.stop({ requestId: requestId("req-9"), attempt: 2 }, uncanceled());
    expect(stopped).toEqual([["req-9", 2]]);
  });
});

describe("a worker's status", () => {
  test("arrives as it is", async () => {
    const status: WorkerStatus = {
      id: "decode-0",
      epoch: "e1",
      state: "serving",
      sequences: { waiting: 1, prefilling: 2, holding: 3, receiving: 4, ready: 5, running: 6 },
      blocks: { total: 10, free: 5, cached: 3, used: 2 },
      rooms: { bootstrapping: 1, waitingForInput: 2, transferring: 3 },
      kvConnections: 7,
      openSpans: 8,
      activeResources: { TCPSocketWrap: 2, Timeout: 1 },
      rssBytes: 2 ** 40,
      heapUsedBytes: 2 ** 33,
      prefixCache: { hitTokens: 9, missTokens: 2 ** 50 },
    };
    const orders: DrainOrder[] = [];
    await using peer = await startServer((server) =>
      server.addControl({
        status: () => status,
        flushCache: () => ({ freedBlocks: 1, keptBlocks: 2 }),
        drain: (order) => orders.push(order),
        resume: () => {
          throw new BatonError("unavailable", "Cannot resume: it stops");
        },
      }),
    );
    expect(await peer.control.status(uncanceled())).toEqual(status);
    expect(await peer.control.drain({ stop: true }, uncanceled())).toBe(1);
    expect(await peer.control.drain({ stop: false, deadlineMs: 0 }, uncanceled())).toBe(2);
    expect(orders).toEqual([{ stop: true }, { stop: false, deadlineMs: 0 }]);
    await expect(peer.control.resume(uncanceled())).rejects.toMatchObject({ code: "unavailable" });
  });
});
