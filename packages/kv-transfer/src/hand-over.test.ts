import { getEventListeners } from "node:events";
import { BatonError, type KvLayout, kvBytesPerToken } from "@baton/core";
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { firstTokenFields } from "./first-token.ts";
import { encodeFrame } from "./frame-codec.ts";
import { FIRST, LAYOUT, newRoom, PromptBlocks, RawPeer, until, withCluster } from "./test-support.ts";
import type { FrameRecord, KvPeer, RoomState } from "./transfer-api.ts";

const layouts = fc.record({
  layers: fc.integer({ min: 1, max: 3 }),
  kvHeads: fc.integer({ min: 1, max: 3 }),
  headDim: fc.constantFrom(1, 2, 8, 64),
  dtype: fc.constant("float32" as const),
  blockSize: fc.constantFrom(1, 2, 3, 16),
  modelHash: fc.constant("abc"),
});

/** The ends of the chunks in which a prompt becomes final. */
function chunkEnds(tokens: number, chunk: number): number[] {
  const ends: number[] = [];
  for (let end = chunk; end < tokens; end += chunk) ends.push(end);
  return [...ends, tokens];
}

describe("a hand-over", () => {
  test("gives the decode worker exactly the bytes of the prefill worker, for any layout, length and chunking", async () => {
    await fc.assert(
      fc.asyncProperty(
        layouts,
        fc.integer({ min: 1, max: 50 }),
        fc.integer({ min: 1, max: 50 }),
        async (layout: KvLayout, promptTokens, chunk) => {
          await withCluster({ layout }, async ({ open, receive }) => {
            const room = newRoom();
            const source = new PromptBlocks(layout, promptTokens).fill(7);
            const target = new PromptBlocks(layout, promptTokens).fill(99);
            const sending = open({ room, promptTokens, block: source.block });
            const receiving = receive({ room, promptTokens, block: target.block });
            for (const end of chunkEnds(promptTokens, chunk)) sending.push(end);
            sending.finish(FIRST);
            const [sent, received] = await Promise.all([sending.done, receiving.done]);
            expect(target.content().equals(source.content())).toBe(true);
            expect(received.first).toEqual(FIRST);
            expect(sent.bytes).toBe(promptTokens * kvBytesPerToken(layout));
            expect(received.summary).toMatchObject({
              tokens: sent.tokens,
              bytes: sent.bytes,
              frames: sent.frames,
            });
            expect([sending.state, receiving.state]).toEqual(["success", "success"]);
            await sending.closed;
          });
        },
      ),
      { numRuns: 40 },
    );
  });

  test("gives exactly the bytes of blocks that are larger than the read buffer, too", async () => {
    const layout = { ...LAYOUT, headDim: 1024 };
    await withCluster({ layout }, async ({ open, receive }) => {
      const room = newRoom();
      const source = new PromptBlocks(layout, 43).fill(7);
      const target = new PromptBlocks(layout, 43).fill(99);
      const sending = open({ room, promptTokens: 43, block: source.block });
      const receiving = receive({ room, promptTokens: 43, block: target.block });
      for (const end of chunkEnds(43, 10)) sending.push(end);
      sending.finish(FIRST);
      await Promise.all([sending.done, receiving.done]);
      expect(target.content().equals(source.content())).toBe(true);
      await sending.closed;
    });
  });

  test.each([1, 3, 4, 5, 8, 9])(
    "leaves the positions after a prompt of %i tokens as they were",
    async (promptTokens) => {
      await withCluster({}, async ({ open, receive }) => {
        const room = newRoom();
        const padded = Math.ceil(promptTokens / LAYOUT.blockSize) * LAYOUT.blockSize;
        const source = new PromptBlocks(LAYOUT, padded).fill(7);
        const target = new PromptBlocks(LAYOUT, padded);
        const sending = open({ room, promptTokens, block: source.block });
        sending.push(promptTokens);
        sending.finish(FIRST);
        await receive({ room, promptTokens, block: target.block }).done;
        const written = target.content().filter((byte) => byte !== 0).length;
        expect(written).toBeLessThanOrEqual(promptTokens * kvBytesPerToken(LAYOUT));
      });
    },
  );

  test("works when the decode worker comes before the room is opened", async () => {
    await withCluster({}, async ({ open, receive, server }) => {
      const room = newRoom();
      const receiving = receive({ room, promptTokens: 5 });
      await until(() => server.status().connections === 1);
      expect(receiving.state).toBe("bootstrapping");
      const sending = open({ room, promptTokens: 5 });
      sending.push(5);
      sending.finish(FIRST);
      await Promise.all([sending.done, receiving.done]);
    });
  });

  test("works when everything is computed before the decode worker comes", async () => {
    await withCluster({}, async ({ open, receive }) => {
      const room = newRoom();
      const sending = open({ room, promptTokens: 5 });
      sending.push(5);
      sending.finish(FIRST);
      expect(sending.state).toBe("bootstrapping");
      await Promise.all([receive({ room, promptTokens: 5 }).done, sending.done]);
    });
  });

  test("tells each side who the other is, and carries the trace context with its flags", async () => {
    await withCluster({ secret: "s3cret" }, async ({ open, receive, port }) => {
      const room = newRoom();
      const trace = { traceparent: `00-${"a".repeat(32)}-${"b".repeat(16)}-00`, tracestate: "x=1" };
      const seen: unknown[] = [];
      let accepted: KvPeer | undefined;
      const sending = open({ room, promptTokens: 1, onPeer: (peer, header) => seen.push(peer, header) });
      const receiving = receive({
        room,
        promptTokens: 1,
        trace,
        onAccepted: (peer) => {
          accepted = peer;
        },
      });
      sending.push(1);
      sending.finish(FIRST);
      const { peer } = await receiving.done;
      expect(seen).toEqual([
        expect.objectContaining({ workerId: "decode-0", epoch: "decode-0-epoch" }),
        trace,
      ]);
      expect(peer).toEqual({ workerId: "prefill-0", epoch: "prefill-0-epoch", address: `127.0.0.1:${port}` });
      expect(accepted).toEqual(peer);
    });
  });

  test("leaves no listener on the signals", async () => {
    await withCluster({}, async ({ open, receive }) => {
      const { signal } = new AbortController();
      const room = newRoom();
      const sending = open({ room, promptTokens: 1, signal });
      const receiving = receive({ room, promptTokens: 1, signal });
      expect(getEventListeners(signal, "abort")).toHaveLength(2);
      sending.push(1);
      sending.finish(FIRST);
      await Promise.all([sending.done, receiving.done]);
      const failing = open({ room: newRoom(), promptTokens: 1, signal });
      failing.abort(new BatonError("canceled", "The client left"));
      await failing.closed;
      expect(getEventListeners(signal, "abort")).toHaveLength(0);
    });
  });

  test("drops a trace state that is too long instead of failing", async () => {
    await withCluster({}, async ({ open, receive }) => {
      const room = newRoom();
      const traceparent = `00-${"a".repeat(32)}-${"b".repeat(16)}-01`;
      const seen: unknown[] = [];
      const sending = open({ room, promptTokens: 1, onPeer: (_, header) => seen.push(header) });
      const receiving = receive({
        room,
        promptTokens: 1,
        trace: { traceparent, tracestate: "x".repeat(5000) },
      });
      sending.push(1);
      sending.finish(FIRST);
      await receiving.done;
      expect(seen).toEqual([{ traceparent }]);
    });
  });

  test("reports one frame per block on both sides, in order and before the end", async () => {
    await withCluster({}, async ({ open, receive }) => {
      const room = newRoom();
      const sent: FrameRecord[] = [];
      const received: FrameRecord[] = [];
      const sending = open({ room, promptTokens: 10, onFrame: (frame) => sent.push(frame) });
      const receiving = receive({ room, promptTokens: 10, onFrame: (frame) => received.push(frame) });
      sending.push(10);
      sending.finish(FIRST);
      await Promise.all([sending.done, receiving.done]);
      const expected = [
        { start: 0, count: 4, bytes: 4 * kvBytesPerToken(LAYOUT) },
        { start: 4, count: 4, bytes: 4 * kvBytesPerToken(LAYOUT) },
        { start: 8, count: 2, bytes: 2 * kvBytesPerToken(LAYOUT) },
      ];
      expect(sent).toMatchObject(expected);
      expect(received).toMatchObject(expected);
      for (const { startedAt, endedAt } of [...sent, ...received])
        expect(endedAt).toBeGreaterThanOrEqual(startedAt);
    });
  });

  test("sends whole blocks while later ones are still being computed", async () => {
    await withCluster({}, async ({ open, receive }) => {
      const room = newRoom();
      const received: number[] = [];
      const sending = open({ room, promptTokens: 10 });
      const receiving = receive({ room, promptTokens: 10, onFrame: ({ start }) => received.push(start) });
      sending.push(6);
      await until(() => received.length === 1);
      expect([sending.state, receiving.state]).toEqual(["transferring", "transferring"]);
      sending.push(8);
      await until(() => received.length === 2);
      sending.push(10);
      sending.finish(FIRST);
      await receiving.done;
      expect(received).toEqual([0, 4, 8]);
    });
  });

  test("reserves memory only when there is KV to send, and receives nothing before it has it", async () => {
    await withCluster({}, async ({ open, receive }) => {
      const room = newRoom();
      const memory = Promise.withResolvers<void>();
      let asked = 0;
      let frames = 0;
      const states: RoomState[] = [];
      const sending = open({ room, promptTokens: 8 });
      const receiving = receive({
        room,
        promptTokens: 8,
        reserve: () => {
          asked += 1;
          return memory.promise;
        },
        onAccepted: () => states.push(receiving.state),
        onFrame: () => {
          frames += 1;
        },
      });
      await until(() => receiving.state === "waiting_for_input");
      expect(asked).toBe(0);
      sending.push(8);
      sending.finish(FIRST);
      await until(() => asked === 1);
      expect([frames, receiving.state, sending.state]).toEqual([0, "waiting_for_input", "waiting_for_input"]);
      memory.resolve();
      await receiving.done;
      expect([asked, frames, states]).toEqual([1, 2, ["waiting_for_input"]]);
    });
  });

  test("leaves out the whole blocks that the decode worker says it holds", async () => {
    await withCluster({}, async ({ open, port }) => {
      const room = newRoom();
      const sending = open({ room, promptTokens: 10 });
      const peer = RawPeer.connect(port);
      peer.socket.write(helloHolding(room, 10, 8));
      await peer.frame("accept");
      sending.push(10);
      sending.finish(FIRST);
      await peer.frame("offer");
      peer.send("grant", {});
      expect(await peer.frame("done")).toMatchObject({ tokens: 2, frames: 1 });
      peer.send("ack", {});
      expect(await sending.done).toMatchObject({ tokens: 2, frames: 1 });
      peer.socket.end();
    });
  });

  test("sends only the first token to a decode worker that holds the whole prompt", async () => {
    await withCluster({}, async ({ open, port }) => {
      const room = newRoom();
      const sending = open({ room, promptTokens: 8 });
      const peer = RawPeer.connect(port);
      peer.socket.write(helloHolding(room, 8, 8));
      sending.push(8);
      sending.finish(FIRST);
      expect(await peer.frame("first_token")).toEqual(firstTokenFields(FIRST));
      expect(await peer.frame("done")).toEqual({ tokens: 0, frames: 0, bytes: 0n, checksum: 0 });
      peer.send("ack", {});
      await sending.done;
      peer.socket.end();
    });
  });

  test("holds for 200 rooms at once, all of them right", async () => {
    await withCluster({}, async ({ open, receive, server, receiver }) => {
      const handOver = async (seed: number) => {
        const room = newRoom();
        const promptTokens = 1 + (seed % 40);
        const source = new PromptBlocks(LAYOUT, promptTokens).fill(seed);
        const target = new PromptBlocks(LAYOUT, promptTokens);
        const receiving = receive({ room, promptTokens, block: target.block });
        const sending = open({ room, promptTokens, block: source.block });
        for (const end of chunkEnds(promptTokens, 6)) sending.push(end);
        sending.finish({ tokenId: seed, cachedTokens: 0 });
        const { first } = await receiving.done;
        await Promise.all([sending.done, sending.closed]);
        return first.tokenId === seed && target.content().equals(source.content());
      };
      const results = await Promise.all(Array.from({ length: 200 }, (_, seed) => handOver(seed)));
      expect(results.filter((right) => right)).toHaveLength(200);
      expect([server.status().rooms.failed, receiver.status().rooms.failed]).toEqual([0, 0]);
    });
  });

  test("hands a slow reader no more than the bound", async () => {
    const layout: KvLayout = { ...LAYOUT, headDim: 1024, blockSize: 64 };
    const blockBytes = 64 * kvBytesPerToken(layout);
    await withCluster({ layout, limits: { maxInFlightBytes: 2 * blockBytes } }, async ({ open, port }) => {
      const room = newRoom();
      const promptTokens = 64 * 24;
      const source = new PromptBlocks(layout, promptTokens);
      let read = 0;
      const peer = RawPeer.connect(port);
      const sending = open({
        room,
        promptTokens,
        block: (index) => {
          read += 1;
          return source.block(index);
        },
      });
      peer.hello(room, promptTokens, { layout });
      sending.push(promptTokens);
      sending.finish(FIRST);
      await peer.frame("offer");
      peer.socket.pause();
      peer.send("grant", {});
      await until(() => sending.state === "transferring" && read > 0);
      for (let turn = 0; turn < 100; turn++) await new Promise((resolve) => setImmediate(resolve));
      expect(read).toBeLessThan(24); // The kernel's buffers hold a few blocks, the rest waits.
      peer.socket.resume();
      await peer.frame("done");
      expect(read).toBe(24);
      peer.send("ack", {});
      await sending.done;
      peer.socket.end();
    });
  });
});

describe("push() and finish()", () => {
  test("refuse what contradicts the prompt, and leave the room as it is", async () => {
    await withCluster({}, async ({ open }) => {
      const controller = new AbortController();
      const sending = open({ room: newRoom(), promptTokens: 5, signal: controller.signal });
      sending.push(3);
      expect(() => sending.push(2)).toThrow("Cannot push 2 tokens");
      expect(() => sending.push(6)).toThrow("expected 3 to 5");
      expect(() => sending.finish(FIRST)).toThrow("3 tokens are pushed, expected 5");
      expect(sending.state).toBe("bootstrapping");
      controller.abort();
      await sending.closed;
      sending.push(1);
      sending.finish(FIRST);
      expect(sending.state).toBe("failed");
    });
  });
});

function helloHolding(room: bigint, promptTokens: number, heldTokens: number): Buffer {
  return encodeFrame("hello", {
    ...LAYOUT,
    room,
    promptTokens,
    heldTokens,
    deadlineMs: 60_000,
    workerId: "raw-0",
    epoch: "raw-epoch",
    traceparent: "",
    tracestate: "",
    proof: new Uint8Array(),
  });
}
