/** What a decode worker must never take for a complete KV cache. */
import { connect, createServer, type Server } from "node:net";
import { BatonError, kvBytesPerBlock } from "@baton/core";
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { checksumOf } from "./checksum.ts";
import { firstTokenFields } from "./first-token.ts";
import { encodeFrame } from "./frame-codec.ts";
import {
  dataFrame,
  FIRST,
  failureOf,
  LAYOUT,
  newRoom,
  PromptBlocks,
  type RawPeer,
  receiveFrom,
  until,
  withCluster,
  withPrefillPeer,
} from "./test-support.ts";
import { TransferTally } from "./transfer-tally.ts";
import { DATA_HEAD_BYTES, HEADER_BYTES } from "./wire-format.ts";

const BLOCK_BYTES = kvBytesPerBlock(LAYOUT);
const BLOCK_CHECKSUM = checksumOf(Buffer.alloc(BLOCK_BYTES));

/** DONE after `frames` zeroed blocks. */
function doneAfter(frames: number) {
  const tally = new TransferTally();
  for (let frame = 0; frame < frames; frame++) tally.add(4, BLOCK_BYTES, BLOCK_CHECKSUM);
  return tally.fields();
}

/** Fetches a prompt of 8 tokens from a peer that does `act` once it may send; returns how the room failed. */
async function failureWhen(act: (peer: RawPeer) => void): Promise<string> {
  let message = "";
  await withPrefillPeer(async (receiver, port, connected) => {
    const receiving = receiveFrom(receiver, port, newRoom(), 8);
    const peer = await connected();
    await peer.frame("hello");
    peer.send("accept", { workerId: "prefill-9", epoch: "e" });
    peer.send("offer", {});
    await peer.frame("grant");
    act(peer);
    const failure = await failureOf(receiving.done);
    expect(failure.code).toBe("kv_transfer_failed");
    expect(receiving.state).toBe("failed");
    expect(await peer.frame("abort")).toEqual({ code: "kv_transfer_failed", text: failure.message });
    message = failure.message;
  });
  return message;
}

describe("the decode side refuses", () => {
  test("a block whose checksum is wrong", async () => {
    const message = await failureWhen((peer) => peer.socket.write(dataFrame({ checksum: 1 })));
    expect(message).toContain(`checksum of tokens 0 to 4 is ${BLOCK_CHECKSUM}, expected 1`);
  });

  test("a gap", async () => {
    const message = await failureWhen((peer) => peer.socket.write(dataFrame({ start: 4 })));
    expect(message).toContain(`4 tokens from 4, expected 4 from 0`);
  });

  test("an overlap", async () => {
    const message = await failureWhen((peer) => peer.socket.write(Buffer.concat([dataFrame(), dataFrame()])));
    expect(message).toContain(`4 tokens from 0, expected 4 from 4`);
  });

  test("more tokens than the prompt has", async () => {
    const frames = [0, 4, 8].map((start) => dataFrame({ start }));
    const message = await failureWhen((peer) => peer.socket.write(Buffer.concat(frames)));
    expect(message).toContain(`4 tokens from 8, expected 0 from 8`);
  });

  test("a partial block where a whole one belongs", async () => {
    const message = await failureWhen((peer) => peer.socket.write(dataFrame({ count: 2 }, BLOCK_BYTES / 2)));
    expect(message).toContain("2 tokens from 0, expected 4 from 0");
  });

  test("fewer bytes than the tokens have", async () => {
    const message = await failureWhen((peer) => peer.socket.write(dataFrame({}, BLOCK_BYTES - 4)));
    expect(message).toContain(`KV of 4 tokens is ${BLOCK_BYTES - 4} bytes, expected ${BLOCK_BYTES}`);
  });

  test("a frame larger than a block", async () => {
    const message = await failureWhen((peer) => peer.socket.write(dataFrame({}, BLOCK_BYTES + 1)));
    expect(message).toContain(`expected 12 to ${12 + BLOCK_BYTES}`);
  });

  test("a first token before all of the KV", async () => {
    const message = await failureWhen((peer) => {
      peer.socket.write(dataFrame());
      peer.send("first_token", firstTokenFields(FIRST));
    });
    expect(message).toContain(`"first_token" after KV of 4 tokens, expected 8`);
  });

  test("an end before all of the KV", async () => {
    const message = await failureWhen((peer) => {
      peer.socket.write(dataFrame());
      peer.send("done", doneAfter(1));
    });
    expect(message).toContain("got KV of 4 tokens, expected 8");
  });

  test("an end without a first token", async () => {
    const message = await failureWhen((peer) => {
      peer.socket.write(Buffer.concat([dataFrame(), dataFrame({ start: 4 })]));
      peer.send("done", doneAfter(2));
    });
    expect(message).toContain(`"done" without "first_token"`);
  });

  test.each(["tokens", "frames", "bytes", "checksum"] as const)(
    "an end whose %s differ from what came",
    async (field) => {
      const wrong = field === "bytes" ? { bytes: 1n } : { [field]: 1 };
      const message = await failureWhen((peer) => {
        peer.socket.write(Buffer.concat([dataFrame(), dataFrame({ start: 4 })]));
        peer.send("first_token", firstTokenFields(FIRST));
        peer.send("done", { ...doneAfter(2), ...wrong });
      });
      expect(message).toContain(`"${field}" of frame "done" is 1, expected`);
    },
  );

  test.each([
    ["a second ACCEPT", (peer: RawPeer) => peer.send("accept", { workerId: "p", epoch: "e" }), "accept"],
    ["a second OFFER", (peer: RawPeer) => peer.send("offer", {}), "offer"],
    ["a frame of its own direction", (peer: RawPeer) => peer.send("ack", {}), "ack"],
    ["garbage", (peer: RawPeer) => peer.socket.write("HTTP/1.1 400 Bad Request\r\n\r\n"), "0x50545448"],
  ])("%s", async (_, act, named) => {
    expect(await failureWhen(act)).toContain(named);
  });

  test("KV that comes before it was granted", async () => {
    await withPrefillPeer(async (receiver, port, connected) => {
      const receiving = receiveFrom(receiver, port, newRoom(), 8);
      const peer = await connected();
      peer.send("accept", { workerId: "prefill-9", epoch: "e" });
      peer.socket.write(dataFrame());
      expect((await failureOf(receiving.done)).message).toContain(`got frame "data" when "accepted"`);
    });
  });
});

test.each([
  ["small", LAYOUT],
  ["large", { ...LAYOUT, headDim: 1024 }],
])("no byte is written to a %s block after the room has ended", async (_, layout) => {
  await withPrefillPeer(async (receiver, port, connected) => {
    const target = new PromptBlocks(layout, 4);
    const receiving = receiver.receive({
      host: "127.0.0.1",
      port,
      room: newRoom(),
      promptTokens: 4,
      deadline: Date.now() + 60_000,
      reserve: () => Promise.resolve(),
      block: target.block,
      signal: new AbortController().signal,
    });
    const peer = await connected();
    peer.send("accept", { workerId: "prefill-9", epoch: "e" });
    peer.send("offer", {});
    await peer.frame("grant");
    const frame = dataFrame({}, kvBytesPerBlock(layout));
    frame.fill(0xff, HEADER_BYTES + DATA_HEAD_BYTES);
    peer.socket.write(frame.subarray(0, 100));
    await until(() => target.content().includes(0xff));
    receiving.abort(new BatonError("canceled", "The client left"));
    target.fill(3);
    peer.socket.end(frame.subarray(100));
    await until(() => peer.closed);
    expect(target.content().equals(new PromptBlocks(layout, 4).fill(3).content())).toBe(true);
  }, layout);
});

/** Passes one connection on to `port`, with the byte at `at` of what comes back changed by `mask`. */
async function startFlippingProxy(port: number, at: number, mask: number): Promise<Server> {
  const server = createServer((client) => {
    const upstream = connect({ host: "127.0.0.1", port });
    let passed = 0;
    client.pipe(upstream).on("error", () => client.destroy());
    client.on("error", () => upstream.destroy());
    upstream.on("data", (chunk) => {
      const index = at - passed;
      if (index >= 0 && index < chunk.length) chunk[index]! ^= mask;
      passed += chunk.length;
      client.write(chunk);
    });
    upstream.on("end", () => client.end());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return server;
}

test("a byte that is flipped anywhere in a DATA frame on its way never ends in success", async () => {
  const accept = encodeFrame("accept", { workerId: "prefill-0", epoch: "prefill-0-epoch" });
  const dataAt = accept.length + HEADER_BYTES; // After ACCEPT and OFFER.
  const dataBytes = HEADER_BYTES + DATA_HEAD_BYTES + BLOCK_BYTES;
  await fc.assert(
    fc.asyncProperty(fc.nat({ max: dataBytes - 1 }), fc.integer({ min: 1, max: 255 }), async (at, mask) => {
      await withCluster({}, async ({ open, port, receiver }) => {
        const proxy = await startFlippingProxy(port, dataAt + at, mask);
        const room = newRoom();
        const sending = open({ room, promptTokens: 4 });
        const proxyPort = (proxy.address() as { port: number }).port;
        const receiving = receiveFrom(receiver, proxyPort, room, 4);
        sending.push(4);
        sending.finish(FIRST);
        const [sent, received] = await Promise.all([failureOf(sending.done), failureOf(receiving.done)]);
        expect(received.code).toMatch(/kv_transfer_failed|kv_mismatch/);
        expect(sent.code).toBe(received.code);
        await new Promise((resolve) => proxy.close(resolve));
      });
    }),
    { numRuns: 60 },
  );
});
