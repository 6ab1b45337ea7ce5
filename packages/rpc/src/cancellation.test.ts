import { once } from "node:events";
import { BatonError } from "@baton/core";
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import {
  collect,
  END,
  generateCall,
  prefillCall,
  startDecodeServer,
  startPrefillServer,
  uncanceled,
  untilAbort,
} from "./testing/fixtures.ts";

const TOKENS = { type: "tokens", tokenIds: [1] } as const;
const ANSWER = {
  usage: { promptTokens: 3, cachedTokens: 0, completionTokens: 1 },
  firstTokenId: 1,
  kvBytes: 0,
};

/** A server whose generations write one token and then wait; `reason` is why their signal aborted. */
async function startWaiting() {
  const aborted = Promise.withResolvers<unknown>();
  const started = Promise.withResolvers<AbortSignal>();
  const peer = await startDecodeServer(async function* ({ signal }) {
    started.resolve(signal);
    yield TOKENS;
    await untilAbort(signal).catch((reason: unknown) => {
      aborted.resolve(reason);
      throw reason;
    });
  });
  return { peer, started: started.promise, reason: aborted.promise };
}

describe("a caller that leaves", () => {
  test("by its signal gets the signal's reason, and the worker is told", async () => {
    const { peer, reason } = await startWaiting();
    await using _peer = peer;
    const controller = new AbortController();
    const left = new BatonError("overloaded", "Cannot wait any longer");
    const events = peer.decode
      .generate(generateCall(), { signal: controller.signal })
      [Symbol.asyncIterator]();
    await events.next();
    controller.abort(left);
    await expect(events.next()).rejects.toBe(left);
    expect(await reason).toMatchObject({ code: "canceled" });
  });

  test("by leaving the loop cancels the call at the worker", async () => {
    const { peer, reason } = await startWaiting();
    await using _peer = peer;
    for await (const _event of peer.decode.generate(generateCall(), uncanceled())) break;
    expect(await reason).toMatchObject({ code: "canceled" });
  });

  test("in the middle of a flood leaves nothing behind", async () => {
    const done = Promise.withResolvers<void>();
    await using peer = await startDecodeServer(async function* ({ signal }) {
      while (!signal.aborted) yield { type: "tokens", tokenIds: Array.from({ length: 1000 }, (_, i) => i) };
      done.resolve();
    });
    for await (const _event of peer.decode.generate(generateCall(), uncanceled())) break;
    await done.promise;
  });

  test("from a prefill gets the signal's reason, and the worker is told", async () => {
    const aborted = Promise.withResolvers<unknown>();
    const started = Promise.withResolvers<void>();
    await using peer = await startPrefillServer(({ signal }) => {
      signal.addEventListener("abort", () => aborted.resolve(signal.reason));
      started.resolve();
      return untilAbort(signal);
    });
    const controller = new AbortController();
    const answer = peer.prefill.prefill(prefillCall(), { signal: controller.signal });
    await started.promise;
    controller.abort();
    await expect(answer).rejects.toMatchObject({ code: "canceled" });
    expect(await aborted.promise).toMatchObject({ code: "canceled" });
  });

  test("before the call makes no call", async () => {
    let calls = 0;
    await using peer = await startDecodeServer(async function* () {
      calls += 1;
      yield END;
    });
    const signal = AbortSignal.abort(new BatonError("canceled", "Gone before"));
    await expect(collect(peer.decode.generate(generateCall(), { signal }))).rejects.toThrow("Gone before");
    await collect(peer.decode.generate(generateCall(), uncanceled()));
    expect(calls).toBe(1);
  });

  test("without ever reading makes no call", async () => {
    let calls = 0;
    await using peer = await startDecodeServer(async function* () {
      calls += 1;
      yield END;
    });
    peer.decode.generate(generateCall(), uncanceled());
    await peer.decode.generate(generateCall(), uncanceled())[Symbol.asyncIterator]().return?.();
    await collect(peer.decode.generate(generateCall(), uncanceled()));
    expect(calls).toBe(1);
  });

  test("at any moment leaves no call open", async () => {
    await using peer = await startDecodeServer(async function* ({ signal }) {
      yield TOKENS;
      await untilAbort(signal);
    });
    await fc.assert(
      fc.asyncProperty(fc.nat({ max: 30 }), async (turns) => {
        const controller = new AbortController();
        const answer = collect(peer.decode.generate(generateCall(), { signal: controller.signal }));
        const outcome = expect(answer).rejects.toMatchObject({ code: "canceled" });
        for (let i = 0; i < turns; i += 1) await new Promise(setImmediate);
        controller.abort();
        await outcome;
      }),
      { numRuns: 200 },
    );
    // Two more round trips, so that the last cancels have arrived.
    await peer.health.check(uncanceled());
    await peer.health.check(uncanceled());
    expect(peer.server.openCalls).toBe(0);
  });

  test("leaves no listener on its signal", async () => {
    await using peer = await startDecodeServer(async function* () {
      yield TOKENS;
      yield END;
    });
    const added: unknown[] = [];
    const removed: unknown[] = [];
    const { signal } = new AbortController();
    const add = signal.addEventListener.bind(signal);
    const remove = signal.removeEventListener.bind(signal);
    signal.addEventListener = (...args: Parameters<typeof add>) => {
      added.push(args[1]);
      add(...args);
    };
    signal.removeEventListener = (...args: Parameters<typeof remove>) => {
      removed.push(args[1]);
      remove(...args);
    };
    await collect(peer.decode.generate(generateCall(), { signal }));
    for await (const _event of peer.decode.generate(generateCall(), { signal })) break;
    expect(added).toHaveLength(2);
    expect(removed).toEqual(added);
  });
});

describe("a deadline", () => {
  const soon = () => ({ ...generateCall().request, deadline: Date.now() + 50 });

  test("that passes ends a generation on both sides with deadline_exceeded", async () => {
    const { peer, reason } = await startWaiting();
    await using _peer = peer;
    await expect(
      collect(peer.decode.generate(generateCall({ request: soon() }), uncanceled())),
    ).rejects.toMatchObject({ code: "deadline_exceeded" });
    expect(await reason).toMatchObject({ code: "deadline_exceeded" });
  });

  test("that passes ends a prefill on both sides with deadline_exceeded", async () => {
    const aborted = Promise.withResolvers<unknown>();
    await using peer = await startPrefillServer(({ signal }) => {
      signal.addEventListener("abort", () => aborted.resolve(signal.reason));
      return untilAbort(signal);
    });
    await expect(peer.prefill.prefill(prefillCall({ request: soon() }), uncanceled())).rejects.toMatchObject({
      code: "deadline_exceeded",
    });
    expect(await aborted.promise).toMatchObject({ code: "deadline_exceeded" });
  });

  test("that has passed already fails the call", async () => {
    const { peer } = await startWaiting();
    await using _peer = peer;
    const request = { ...generateCall().request, deadline: Date.now() - 1000 };
    await expect(
      collect(peer.decode.generate(generateCall({ request }), uncanceled())),
    ).rejects.toMatchObject({
      code: "deadline_exceeded",
    });
  });
});

describe("a call that ends well", () => {
  test("never aborts its signal at the worker", async () => {
    const signals: AbortSignal[] = [];
    await using stream = await startDecodeServer(async function* ({ signal }) {
      signals.push(signal);
      yield END;
    });
    await using unary = await startPrefillServer(async ({ signal }) => {
      signals.push(signal);
      return ANSWER;
    });
    await collect(stream.decode.generate(generateCall(), uncanceled()));
    await unary.prefill.prefill(prefillCall(), uncanceled());
    // grpc-js reports `cancelled` after the end; shutting down waits until all of that has happened.
    stream.decode.close();
    unary.prefill.close();
    await Promise.all([stream.server.shutdown(1000), unary.server.shutdown(1000)]);
    expect(signals.map((signal) => signal.aborted)).toEqual([false, false]);
  });
});

test("a service that goes on after the cancel is read to its end", async () => {
  const finished = Promise.withResolvers<string>();
  await using peer = await startDecodeServer(async function* ({ signal }) {
    yield TOKENS;
    if (!signal.aborted) await once(signal, "abort");
    yield TOKENS;
    yield TOKENS;
    finished.resolve("ran to the end");
  });
  for await (const _event of peer.decode.generate(generateCall(), uncanceled())) break;
  expect(await finished.promise).toBe("ran to the end");
});
