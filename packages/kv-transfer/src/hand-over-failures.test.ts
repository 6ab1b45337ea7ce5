/** Every way in which a hand-over ends badly: both sides learn of it at once, with a reason, and nothing is left. */
import { createServer } from "node:net";
import { BatonError, formatRoom } from "@baton/core";
import { describe, expect, test } from "@jest/globals";
import { createKvReceiver } from "./kv-receiver.ts";
import {
  type Cluster,
  dataFrame,
  FIRST,
  failureOf,
  identity,
  isAtRest,
  LAYOUT,
  newRoom,
  RawPeer,
  receiveFrom,
  until,
  withCluster,
  withPrefillPeer,
} from "./test-support.ts";
import type { ReceivingRoom, SendingRoom } from "./transfer-api.ts";

const canceled = () => new BatonError("canceled", "The client left");

interface Pair {
  readonly sending: SendingRoom;
  readonly receiving: ReceivingRoom;
  readonly stopPrefill: AbortController;
  readonly stopDecode: AbortController;
}

/** A pair of 10 tokens, brought to a phase. */
async function pairIn(phase: string, { open, receive }: Cluster): Promise<Pair> {
  const room = newRoom();
  const stopPrefill = new AbortController();
  const stopDecode = new AbortController();
  let reserving = false;
  const sending = open({ room, promptTokens: 10, signal: stopPrefill.signal });
  const receiving = receive({
    room,
    promptTokens: 10,
    signal: stopDecode.signal,
    reserve: () => {
      reserving = true;
      return phase === "reserving" ? new Promise(() => {}) : Promise.resolve();
    },
  });
  if (phase !== "connecting") await until(() => receiving.state === "waiting_for_input");
  if (phase === "reserving") {
    sending.push(10);
    await until(() => reserving);
  }
  if (phase === "transferring") {
    sending.push(4);
    await until(() => receiving.state === "transferring");
  }
  return { sending, receiving, stopPrefill, stopDecode };
}

const PHASES = ["connecting", "waiting", "reserving", "transferring"];

describe("when one side gives up", () => {
  test.each(PHASES)("an abort of the prefill side while %s ends both with its reason", async (phase) => {
    await withCluster({}, async (cluster) => {
      const { sending, receiving } = await pairIn(phase, cluster);
      sending.abort(canceled());
      expect(await failureOf(sending.done)).toMatchObject({ code: "canceled", message: "The client left" });
      const failure = await failureOf(receiving.done);
      expect(failure.code).toBe("canceled");
      expect(failure.message).toContain("The client left");
      expect([sending.state, receiving.state]).toEqual(["failed", "failed"]);
      await sending.closed;
    });
  });

  test.each(PHASES.slice(1))(
    "an abort of the decode side while %s ends both with its reason",
    async (phase) => {
      await withCluster({}, async (cluster) => {
        const { sending, receiving } = await pairIn(phase, cluster);
        receiving.abort(canceled());
        expect(await failureOf(receiving.done)).toMatchObject({
          code: "canceled",
          message: "The client left",
        });
        const failure = await failureOf(sending.done);
        expect(failure.code).toBe("canceled");
        expect(failure.message).toMatch(
          /^Cannot send KV of room "[0-9a-f]{16}" to "decode-0" at 127\.0\.0\.1:\d+: .*The client left$/,
        );
        await sending.closed;
      });
    },
  );

  test.each(PHASES)("the signal of the prefill side while %s ends both", async (phase) => {
    await withCluster({}, async (cluster) => {
      const { sending, receiving, stopPrefill } = await pairIn(phase, cluster);
      stopPrefill.abort(new BatonError("deadline_exceeded", "Too late"));
      expect((await failureOf(sending.done)).code).toBe("deadline_exceeded");
      expect((await failureOf(receiving.done)).code).toBe("deadline_exceeded");
    });
  });

  test.each(PHASES.slice(1))("the signal of the decode side while %s ends both", async (phase) => {
    await withCluster({}, async (cluster) => {
      const { sending, receiving, stopDecode } = await pairIn(phase, cluster);
      stopDecode.abort(new BatonError("deadline_exceeded", "Too late"));
      expect((await failureOf(receiving.done)).code).toBe("deadline_exceeded");
      expect((await failureOf(sending.done)).code).toBe("deadline_exceeded");
    });
  });

  test("a signal that was aborted before fails the room at once", async () => {
    await withCluster({}, async ({ open, receive }) => {
      const signal = AbortSignal.abort(canceled());
      const sending = open({ room: newRoom(), promptTokens: 1, signal });
      expect(sending.state).toBe("failed");
      await sending.closed;
      const receiving = receive({ room: newRoom(), promptTokens: 1, signal });
      expect(receiving.state).toBe("failed");
      expect((await failureOf(receiving.done)).code).toBe("canceled");
    });
  });

  test("a signal that aborts between DONE and ACK fails the prefill side", async () => {
    await withCluster({}, async ({ open, port }) => {
      const controller = new AbortController();
      const { peer, sending, room } = await rawPair(open, port, 4, controller.signal);
      await peer.frame("done");
      controller.abort(canceled());
      expect((await failureOf(sending.done)).code).toBe("canceled");
      expect((await peer.frame("abort")).code).toBe("canceled");
      expect(room).toBeGreaterThan(0n);
      peer.socket.end();
    });
  });

  test("memory that cannot be reserved fails the room on both sides", async () => {
    await withCluster({}, async ({ open, receive }) => {
      const room = newRoom();
      const sending = open({ room, promptTokens: 10 });
      const receiving = receive({
        room,
        promptTokens: 10,
        reserve: () => Promise.reject(new BatonError("overloaded", "No blocks")),
      });
      sending.push(10);
      expect((await failureOf(receiving.done)).code).toBe("overloaded");
      expect((await failureOf(sending.done)).code).toBe("overloaded");
    });
  });

  test("a callback that throws fails its own room and no other", async () => {
    await withCluster({}, async ({ open, receive }) => {
      const [broken, whole] = [newRoom(), newRoom()];
      const sendings = [broken, whole].map((room) => open({ room, promptTokens: 10 }));
      const failing = receive({
        room: broken,
        promptTokens: 10,
        block: () => {
          throw new Error("No such block");
        },
      });
      const succeeding = receive({ room: whole, promptTokens: 10 });
      for (const sending of sendings) {
        sending.push(10);
        sending.finish(FIRST);
      }
      expect((await failureOf(failing.done)).message).toContain("No such block");
      await succeeding.done;
    });
  });
});

/** A room of the server with a raw decode worker that has granted. */
async function rawPair(open: Cluster["open"], port: number, promptTokens: number, signal?: AbortSignal) {
  const room = newRoom();
  const sending = open({ room, promptTokens, ...(signal && { signal }) });
  const peer = RawPeer.connect(port);
  peer.hello(room, promptTokens);
  sending.push(promptTokens);
  sending.finish(FIRST);
  await peer.frame("offer");
  peer.send("grant", {});
  return { room, sending, peer };
}

describe("when one side dies", () => {
  test.each(PHASES.slice(1))(
    "the decode worker while %s, the prefill side says so at once",
    async (phase) => {
      await withCluster({}, async ({ open, port }) => {
        const room = newRoom();
        const sending = open({ room, promptTokens: 10 });
        const peer = RawPeer.connect(port);
        peer.hello(room, 10);
        await peer.frame("accept");
        if (phase !== "waiting") {
          sending.push(4);
          await peer.frame("offer");
        }
        if (phase === "transferring") {
          peer.send("grant", {});
          await until(() => sending.state === "transferring");
        }
        peer.socket.resetAndDestroy();
        const failure = await failureOf(sending.done);
        expect(failure.code).toBe("worker_lost");
        expect(failure.message).toContain(`room "${formatRoom(room)}" to "raw-0" at 127.0.0.1:`);
        await sending.closed;
      });
    },
  );

  test.each(["greeted", "accepted", "offered", "transferring"])(
    "the prefill worker when the room is %s, the decode side says so at once",
    async (phase) => {
      await withPrefillPeer(async (receiver, port, peer) => {
        const room = newRoom();
        const receiving = receiveFrom(receiver, port, room, 8, () =>
          phase === "offered" ? new Promise(() => {}) : Promise.resolve(),
        );
        const prefill = await peer();
        await prefill.frame("hello");
        if (phase !== "greeted") prefill.send("accept", { workerId: "prefill-9", epoch: "e" });
        if (phase === "offered" || phase === "transferring") prefill.send("offer", {});
        if (phase === "transferring") {
          await prefill.frame("grant");
          prefill.socket.write(dataFrame().subarray(0, 100));
          await until(() => receiving.state === "transferring");
        }
        prefill.socket.destroy();
        const failure = await failureOf(receiving.done);
        expect(failure.code).toBe("worker_lost");
        expect(failure.message).toContain(`Cannot receive KV of room "${formatRoom(room)}"`);
        expect(failure.message).toContain(`127.0.0.1:${port}`);
      });
    },
  );

  test("a prefill worker that is not there is reported with its address", async () => {
    const receiver = createKvReceiver(identity("decode-0", LAYOUT));
    const server = createServer().listen(0, "127.0.0.1");
    await until(() => server.listening);
    const { port } = server.address() as { port: number };
    await new Promise((resolve) => server.close(resolve));
    const failure = await failureOf(receiveFrom(receiver, port, newRoom(), 4).done);
    expect(failure.code).toBe("worker_lost");
    expect(failure.message).toContain(`ECONNREFUSED 127.0.0.1:${port}`);
    await receiver.close();
  });

  test("closing the server ends its rooms and tells the decode workers", async () => {
    await withCluster({}, async (cluster) => {
      const pair = await pairIn("transferring", cluster);
      const early = cluster.receive({ room: newRoom(), promptTokens: 1 });
      await until(() => cluster.server.status().connections === 2);
      await cluster.server.close();
      expect(isAtRest(cluster.server.status())).toBe(true);
      expect((await failureOf(pair.sending.done)).code).toBe("unavailable");
      expect((await failureOf(pair.receiving.done)).code).toBe("unavailable");
      expect((await failureOf(early.done)).message).toContain("closing");
      expect(() => cluster.open({ room: newRoom(), promptTokens: 1 })).toThrow("closing");
    });
  });

  test("closing the receiver ends its rooms and tells the prefill worker", async () => {
    await withCluster({}, async (cluster) => {
      const { sending, receiving } = await pairIn("transferring", cluster);
      await cluster.receiver.close();
      expect(isAtRest(cluster.receiver.status())).toBe(true);
      expect((await failureOf(receiving.done)).code).toBe("unavailable");
      expect((await failureOf(sending.done)).code).toBe("unavailable");
      expect(() => cluster.receive({ room: newRoom(), promptTokens: 1 })).toThrow("closing");
    });
  });
});
