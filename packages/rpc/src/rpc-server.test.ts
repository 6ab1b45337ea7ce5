import { connect } from "node:net";
import { type GenerationEvent, silentLogger } from "@baton/core";
import { TestCertificates } from "@baton/tls/testing";
import { afterAll, describe, expect, test } from "@jest/globals";
import { createRpcServer } from "./rpc-server.ts";
import {
  collect,
  decodeService,
  END,
  generateCall,
  HOST,
  prefillCall,
  startDecodeServer,
  startServer,
  uncanceled,
  untilAbort,
} from "./testing/fixtures.ts";

const certificates = new TestCertificates(["router"]);
afterAll(() => certificates[Symbol.dispose]());

describe("health", () => {
  test("follows setServing for the server and for each of its services", async () => {
    await using peer = await startServer((server) => {
      server.addPrefill({ prefill: () => Promise.reject(new Error("unused")) });
      server.addControl({
        status() {
          throw new Error("unused");
        },
        flushCache() {
          throw new Error("unused");
        },
        drain() {
          throw new Error("unused");
        },
        resume() {
          throw new Error("unused");
        },
      });
    });
    const ask = () =>
      Promise.all(
        ["", "baton.v1.PrefillWorker", "baton.v1.WorkerControl"].map((service) =>
          peer.health.check({ ...uncanceled(), service }),
        ),
      );
    expect(await ask()).toEqual(["not_serving", "not_serving", "not_serving"]);
    peer.server.setServing(true);
    expect(await ask()).toEqual(["serving", "serving", "serving"]);
    peer.server.setServing(false);
    expect(await ask()).toEqual(["not_serving", "not_serving", "not_serving"]);
  });

  test("of a service that the server does not have is not_found", async () => {
    await using peer = await startServer(() => {});
    const answer = peer.health.check({ ...uncanceled(), service: "baton.v1.DecodeWorker" });
    await expect(answer).rejects.toMatchObject({ code: "not_found" });
  });
});

describe("listening", () => {
  test("on a port that is taken fails and names the address", async () => {
    await using peer = await startServer(() => {});
    const port = Number(peer.address.split(":")[1]);
    const second = createRpcServer({ logger: silentLogger });
    await expect(second.listen(HOST, port)).rejects.toMatchObject({
      code: "unavailable",
      message: expect.stringContaining(`Cannot listen on "${HOST}:${port}"`),
    });
  });
});

describe("shutdown", () => {
  test("lets running calls end well and takes no new ones", async () => {
    const running = Promise.withResolvers<void>();
    await using peer = await startDecodeServer(async function* () {
      yield { type: "tokens", tokenIds: [1] };
      await running.promise;
      yield END;
    });
    const events = peer.decode.generate(generateCall(), uncanceled())[Symbol.asyncIterator]();
    await events.next();
    const closed = peer.server.shutdown(20_000);
    expect(await peer.health.check(uncanceled())).toBe("not_serving");
    await expect(collect(peer.decode.generate(generateCall(), uncanceled()))).rejects.toMatchObject({
      code: "unavailable",
      message: expect.stringContaining("shutting down"),
    });
    running.resolve();
    expect(await events.next()).toEqual({ done: false, value: END });
    await closed;
    expect(peer.server.openCalls).toBe(0);
  });

  test("lets a generation be stopped while it waits for its end", async () => {
    const stopped = Promise.withResolvers<void>();
    await using peer = await startServer((server) =>
      server.addDecode(
        decodeService(
          async function* () {
            yield { type: "tokens", tokenIds: [1] };
            await stopped.promise;
            yield END;
          },
          () => stopped.resolve(),
        ),
      ),
    );
    const events = peer.decode.generate(generateCall(), uncanceled())[Symbol.asyncIterator]();
    await events.next();
    const closed = peer.server.shutdown(20_000);
    await peer.decode.stop({ requestId: generateCall().request.requestId, attempt: 1 }, uncanceled());
    expect((await events.next()).value).toEqual(END);
    await closed;
  });

  test("loses nothing of an answer whose reader is slower than the server's end", async () => {
    const tokens: GenerationEvent[] = Array.from({ length: 500 }, (_, i) => ({
      type: "tokens",
      tokenIds: [i],
    }));
    await using peer = await startDecodeServer(async function* () {
      yield* tokens;
      yield END;
    });
    const events = peer.decode.generate(generateCall(), uncanceled())[Symbol.asyncIterator]();
    const received = [(await events.next()).value];
    await peer.server.shutdown(20_000);
    for (let next = await events.next(); !next.done; next = await events.next()) received.push(next.value);
    expect(received).toEqual([...tokens, END]);
  });

  test("aborts what still runs after the grace period, and says so", async () => {
    await using peer = await startServer((server) => {
      server.addPrefill({ prefill: ({ signal }) => untilAbort(signal) });
      server.addDecode(
        decodeService(async function* ({ signal }) {
          yield { type: "tokens", tokenIds: [1] };
          await untilAbort(signal);
        }),
      );
    });
    const generation = collect(peer.decode.generate(generateCall(), uncanceled()));
    const prefill = peer.prefill.prefill(prefillCall(), uncanceled());
    const outcome = Promise.allSettled([generation, prefill]);
    while (peer.server.openCalls < 2) await new Promise(setImmediate);
    await peer.server.shutdown(1);
    const reason = { code: "unavailable", message: expect.stringContaining("shutting down") };
    expect(await outcome).toMatchObject([
      { status: "rejected", reason },
      { status: "rejected", reason },
    ]);
    expect(peer.server.openCalls).toBe(0);
  });

  test("may be asked for twice, and before anything listened", async () => {
    const server = createRpcServer({ logger: silentLogger });
    await Promise.all([server.shutdown(0), server.shutdown(0)]);
  });
});

test("shutdown() ends although somebody is connected who never speaks", async () => {
  for (const tls of [undefined, certificates.identity("router")]) {
    const server = createRpcServer({ logger: silentLogger, tls });
    const { port } = await server.listen(HOST, 0);
    const silent = connect({ host: HOST, port })
      .on("error", () => {})
      .resume();
    const closed = new Promise((resolve) => silent.once("close", resolve));
    await new Promise((resolve) => silent.once("connect", resolve));
    await server.shutdown(0);
    await closed;
  }
});
