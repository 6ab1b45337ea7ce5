/** Who may claim a room, what happens to those who may not, and that nobody else is harmed. */

import { BatonError, formatRoom, type KvLayout } from "@baton/core";
import { describe, expect, test } from "@jest/globals";
import { encodeFrame } from "./frame-codec.ts";
import { FIRST, failureOf, LAYOUT, newRoom, RawPeer, until, withCluster } from "./test-support.ts";

describe("a room", () => {
  test("is refused to a second claim while its transfer runs, which goes on unharmed", async () => {
    await withCluster({}, async ({ open, receive }) => {
      const room = newRoom();
      const sending = open({ room, promptTokens: 10 });
      const receiving = receive({ room, promptTokens: 10 });
      sending.push(4);
      await until(() => receiving.state === "transferring");
      const second = await failureOf(receive({ room, promptTokens: 10 }).done);
      expect(second.code).toBe("room_conflict");
      expect(second.message).toContain("another decode worker has claimed it");
      sending.push(10);
      sending.finish(FIRST);
      await Promise.all([sending.done, receiving.done]);
    });
  });

  test("is refused to a second claim while the first waits for it to be opened", async () => {
    await withCluster({}, async ({ open, receive, server }) => {
      const room = newRoom();
      const receiving = receive({ room, promptTokens: 1 });
      await until(() => server.status().connections === 1);
      expect((await failureOf(receive({ room, promptTokens: 1 }).done)).code).toBe("room_conflict");
      const sending = open({ room, promptTokens: 1 });
      sending.push(1);
      sending.finish(FIRST);
      await receiving.done;
    });
  });

  test("is opened once: a second open is refused and the first goes on", async () => {
    await withCluster({}, async ({ open, receive }) => {
      const room = newRoom();
      const sending = open({ room, promptTokens: 1 });
      expect(() => open({ room, promptTokens: 1 })).toThrow(
        `Cannot open room "${formatRoom(room)}": it is open already`,
      );
      sending.push(1);
      sending.finish(FIRST);
      await Promise.all([receive({ room, promptTokens: 1 }).done, sending.done]);
      expect(() => open({ room, promptTokens: 1 })).toThrow("it was handed over already");
      expect((await failureOf(receive({ room, promptTokens: 1 }).done)).code).toBe("room_conflict");
    });
  });

  test("that failed before the decode worker came tells it at once why", async () => {
    await withCluster({}, async ({ open, receive }) => {
      const room = newRoom();
      open({ room, promptTokens: 1 }).abort(new BatonError("internal", "The engine failed"));
      const failure = await failureOf(receive({ room, promptTokens: 1 }).done);
      expect(failure.code).toBe("internal");
      expect(failure.message).toContain("The engine failed");
    });
  });

  test("that nobody opens is waited for only as long as configured", async () => {
    await withCluster({ limits: { roomWaitMs: 20 } }, async ({ open, receive }) => {
      const room = newRoom();
      const failure = await failureOf(receive({ room, promptTokens: 1 }).done);
      expect(failure.code).toBe("kv_transfer_failed");
      expect(failure.message).toContain(`room "${formatRoom(room)}"`);
      expect(failure.message).toContain("no request opened it within 20 ms");
      expect(() => open({ room, promptTokens: 1 })).toThrow("no request opened it");
    });
  });

  test("that nobody opens is waited for no longer than the request's deadline", async () => {
    await withCluster({}, async ({ port }) => {
      const peer = RawPeer.connect(port);
      peer.hello(newRoom(), 1, { deadlineMs: 20 });
      expect((await peer.frame("abort")).text).toContain("within 20 ms");
      peer.socket.end();
    });
  });

  test("whose decode worker came too early and left is refused when it is opened", async () => {
    await withCluster({}, async ({ open, receive, server }) => {
      const room = newRoom();
      const receiving = receive({ room, promptTokens: 1 });
      await until(() => server.status().connections === 1);
      const peer = await failureOf(leave(receiving));
      expect(peer.code).toBe("canceled");
      await until(() => server.status().connections === 0);
      expect(() => open({ room, promptTokens: 1 })).toThrow("The client left");
    });
  });

  test("is waited for by a bounded number of decode workers", async () => {
    await withCluster({ limits: { maxWaiting: 1, roomWaitMs: 500 } }, async ({ open, receive, server }) => {
      const room = newRoom();
      const first = receive({ room, promptTokens: 1 });
      await until(() => server.status().connections === 1);
      expect((await failureOf(receive({ room: newRoom(), promptTokens: 1 }).done)).code).toBe("overloaded");
      const sending = open({ room, promptTokens: 1 });
      sending.push(1);
      sending.finish(FIRST);
      await first.done;
    });
  });
});

async function leave(receiving: {
  abort(error: BatonError): void;
  done: Promise<unknown>;
}): Promise<unknown> {
  await new Promise((resolve) => setImmediate(resolve));
  receiving.abort(new BatonError("canceled", "The client left"));
  return receiving.done;
}

describe("a HELLO that does not fit", () => {
  const differences: Partial<KvLayout>[] = [
    { layers: 3 },
    { kvHeads: 3 },
    { headDim: 3 },
    { blockSize: 3 },
    { modelHash: "beef" },
    { dtype: "float16" as "float32" },
  ];

  test.each(differences)("is refused on both sides when the layout differs in %j", async (difference) => {
    const [field, theirs] = Object.entries(difference)[0]!;
    const decodeLayout = { ...LAYOUT, ...difference };
    const named = `"${field}" of the peer is "${theirs}", expected "${LAYOUT[field as keyof KvLayout]}"`;
    await withCluster({}, async ({ open, port }) => {
      const room = newRoom();
      const sending = open({ room, promptTokens: 9 });
      const peer = RawPeer.connect(port);
      peer.hello(room, 9, { layout: decodeLayout });
      const abort = await peer.frame("abort");
      expect(abort.code).toBe("kv_mismatch");
      expect(abort.text).toContain(named);
      expect(await failureOf(sending.done)).toMatchObject({ code: "kv_mismatch", message: abort.text });
      peer.socket.end();
    });
  });

  test("is refused at once when the room is not open yet, and the room when it is opened", async () => {
    await withCluster({ decodeLayout: { ...LAYOUT, layers: 5 } }, async ({ open, receive }) => {
      const room = newRoom();
      const failure = await failureOf(receive({ room, promptTokens: 1 }).done);
      expect(failure.code).toBe("kv_mismatch");
      expect(() => open({ room, promptTokens: 1 })).toThrow(`"layers" of the peer is "5", expected "2"`);
    });
  });

  test("is refused when the prompt has another length", async () => {
    await withCluster({}, async ({ open, receive }) => {
      const room = newRoom();
      const sending = open({ room, promptTokens: 9 });
      expect((await failureOf(receive({ room, promptTokens: 8 }).done)).code).toBe("kv_mismatch");
      expect((await failureOf(sending.done)).message).toContain(
        `"promptTokens" of the peer is "8", expected "9"`,
      );
    });
  });

  test.each([3, 12])(
    "is refused when it holds %i tokens of a prompt of 9 in blocks of 4",
    async (heldTokens) => {
      await withCluster({}, async ({ open, port }) => {
        const room = newRoom();
        const sending = open({ room, promptTokens: 9 });
        const peer = RawPeer.connect(port);
        peer.send("hello", {
          ...LAYOUT,
          room,
          promptTokens: 9,
          heldTokens,
          deadlineMs: 1000,
          workerId: "raw-0",
          epoch: "e",
          traceparent: "",
          tracestate: "",
          proof: new Uint8Array(),
        });
        expect((await failureOf(sending.done)).message).toContain(
          `"heldTokens" of the peer is ${heldTokens}`,
        );
        peer.socket.end();
      });
    },
  );
});

describe("with a secret", () => {
  test.each([
    ["wrong", "not it"],
    ["missing", undefined],
  ])("a HELLO whose proof is %s is refused and the room goes on waiting", async (is, secret) => {
    await withCluster({ secret: "s3cret" }, async ({ open, receive, port }) => {
      const room = newRoom();
      const sending = open({ room, promptTokens: 1 });
      const peer = RawPeer.connect(port);
      peer.hello(room, 1, secret === undefined ? {} : { secret });
      const abort = await peer.frame("abort");
      expect(abort.code).toBe("unauthenticated");
      expect(abort.text).toContain(`the proof is ${is}`);
      expect(sending.state).toBe("bootstrapping");
      sending.push(1);
      sending.finish(FIRST);
      await receive({ room, promptTokens: 1 }).done;
      peer.socket.end();
    });
  });

  test("a HELLO that was changed on its way is refused", async () => {
    await withCluster({ secret: "s3cret" }, async ({ port }) => {
      const peer = RawPeer.connect(port);
      const hello = RawPeer.helloBytes(newRoom(), 1, { secret: "s3cret" });
      hello[12]! ^= 1; // The room.
      peer.socket.write(hello);
      expect((await peer.frame("abort")).code).toBe("unauthenticated");
      peer.socket.end();
    });
  });

  test("the proof is nowhere needed by a server without one", async () => {
    await withCluster({ decodeSecret: "s3cret" }, async ({ open, receive }) => {
      const room = newRoom();
      const sending = open({ room, promptTokens: 1 });
      sending.push(1);
      sending.finish(FIRST);
      await receive({ room, promptTokens: 1 }).done;
    });
  });
});

describe("a claimed room", () => {
  test.each([
    ["an ACK before the end", encodeFrame("ack", {}), "before all was sent"],
    ["a GRANT without an offer", encodeFrame("grant", {}), "without an offer"],
    ["a second HELLO", RawPeer.helloBytes(newRoom(), 1), `got frame "hello"`],
    ["a frame of the other direction", encodeFrame("offer", {}), `frame type is "offer"`],
    ["garbage", Buffer.from("GET / HTTP/1.1\r\n\r\n"), "frame starts with 0x20544547"],
  ])("fails, and no other does, when its decode worker sends %s", async (_, bytes, named) => {
    await withCluster({}, async ({ open, receive, port }) => {
      const [room, other] = [newRoom(), newRoom()];
      const sending = open({ room, promptTokens: 1 });
      const healthy = open({ room: other, promptTokens: 1 });
      const peer = RawPeer.connect(port);
      peer.hello(room, 1);
      await peer.frame("accept");
      peer.socket.write(bytes);
      const failure = await failureOf(sending.done);
      expect(failure.code).toBe("kv_transfer_failed");
      expect(failure.message).toContain(named);
      expect((await peer.frame("abort")).text).toBe(failure.message);
      peer.socket.end();
      healthy.push(1);
      healthy.finish(FIRST);
      await receive({ room: other, promptTokens: 1 }).done;
    });
  });
});
