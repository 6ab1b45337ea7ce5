import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { silentLogger } from "@baton/core";
import { afterEach, describe, expect, test } from "@jest/globals";
import { createDecodeClient } from "./decode-client.ts";
import { createPrefillClient } from "./prefill-client.ts";
import { createRpcServer } from "./rpc-server.ts";
import { startChild } from "./testing/child.ts";
import {
  collect,
  generateCall,
  HOST,
  prefillCall,
  startDecodeServer,
  uncanceled,
  untilAbort,
} from "./testing/fixtures.ts";

let child: ChildProcess | undefined;

afterEach(async () => {
  if (child && child.exitCode === null && child.signalCode === null) {
    child.kill("SIGKILL");
    await once(child, "exit");
  }
  child = undefined;
});

async function startPeer(): Promise<string> {
  const peer = await startChild("peer");
  child = peer.child;
  return `${HOST}:${peer.line}`;
}

describe("a worker that is killed", () => {
  test("fails a running generation with worker_lost and its address", async () => {
    const address = await startPeer();
    const client = createDecodeClient(address);
    const events = client.generate(generateCall(), uncanceled())[Symbol.asyncIterator]();
    await events.next();
    child?.kill("SIGKILL");
    await expect(events.next()).rejects.toMatchObject({
      code: "worker_lost",
      message: expect.stringContaining(`generate on worker "${address}"`),
    });
    client.close();
  });

  test("fails a running prefill with worker_lost and its address", async () => {
    const address = await startPeer();
    const client = createPrefillClient(address);
    const decode = createDecodeClient(address);
    const answer = client.prefill(prefillCall(), uncanceled());
    const outcome = expect(answer).rejects.toMatchObject({
      code: "worker_lost",
      message: expect.stringContaining(address),
    });
    // The first token of a generation shows that the worker is at work.
    const events = decode.generate(generateCall(), uncanceled())[Symbol.asyncIterator]();
    await events.next();
    child?.kill("SIGKILL");
    await outcome;
    await expect(events.next()).rejects.toMatchObject({ code: "worker_lost" });
    client.close();
    decode.close();
  });
});

test("a worker that freezes is found by the ping", async () => {
  const client = createDecodeClient(await startPeer());
  const events = client.generate(generateCall(), uncanceled())[Symbol.asyncIterator]();
  await events.next();
  child?.kill("SIGSTOP");
  await expect(events.next()).rejects.toMatchObject({ code: "worker_lost" });
  client.close();
});

test("a caller that is killed cancels its call at the worker", async () => {
  const ended = Promise.withResolvers<unknown>();
  await using worker = await startDecodeServer(async function* ({ signal }) {
    yield { type: "tokens", tokenIds: [1] };
    await untilAbort(signal).catch((reason: unknown) => {
      ended.resolve(reason);
      throw reason;
    });
  });
  ({ child } = await startChild("caller", worker.address));
  child.kill("SIGKILL");
  expect(await ended.promise).toMatchObject({ code: "canceled" });
});

test("a worker that comes back on the same address is reached by the same client", async () => {
  const first = await startDecodeServer(async function* () {
    yield { type: "end", reason: "stop", usage: { promptTokens: 3, cachedTokens: 0, completionTokens: 0 } };
  });
  const port = Number(first.address.split(":")[1]);
  const client = createDecodeClient(first.address);
  await collect(client.generate(generateCall(), uncanceled()));
  await first[Symbol.asyncDispose]();
  await expect(collect(client.generate(generateCall(), uncanceled()))).rejects.toMatchObject({
    code: "worker_lost",
  });
  const second = createRpcServer({ logger: silentLogger });
  second.addDecode({
    async *generate() {
      yield {
        type: "end",
        reason: "length",
        usage: { promptTokens: 3, cachedTokens: 0, completionTokens: 0 },
      };
    },
    stop() {},
  });
  await second.listen(HOST, port);
  // The channel tries again by itself after its pause; calls until then fail at once.
  const retry = async () => {
    while (true) {
      try {
        return await collect(client.generate(generateCall(), uncanceled()));
      } catch {
        await new Promise(setImmediate);
      }
    }
  };
  expect(await retry()).toMatchObject([{ type: "end", reason: "length" }]);
  client.close();
  await second.shutdown(0);
});
