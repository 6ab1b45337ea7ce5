/** What else may arrive on the port: each is closed, told why where that makes sense, and harms no room. */

import { silentLogger } from "@baton/core";
import { describe, expect, test } from "@jest/globals";
import { encodeFrame } from "./frame-codec.ts";
import { createKvServer } from "./kv-server.ts";
import {
  type Cluster,
  FIRST,
  identity,
  LAYOUT,
  newRoom,
  RawPeer,
  until,
  withCluster,
} from "./test-support.ts";
import { HEADER_BYTES, PROTOCOL_VERSION } from "./wire-format.ts";

/** A hand-over still works. */
async function expectHealthy({ open, receive }: Cluster): Promise<void> {
  const room = newRoom();
  const sending = open({ room, promptTokens: 9 });
  sending.push(9);
  sending.finish(FIRST);
  await Promise.all([receive({ room, promptTokens: 9 }).done, sending.done]);
}

function helloWith(change: (frame: Buffer) => void): Buffer {
  const frame = RawPeer.helloBytes(newRoom(), 1);
  change(frame);
  return frame;
}

const cases: [string, Buffer, string][] = [
  [
    "an HTTP request",
    Buffer.from("GET / HTTP/1.1\r\nhost: x\r\n\r\n"),
    "frame starts with 0x20544547, expected 0x564b5442",
  ],
  ["random bytes", Buffer.from("00112233445566778899aabbccddeeff", "hex"), "frame starts with"],
  [
    "another protocol version",
    helloWith((frame) => frame.writeUInt8(9, 4)),
    `protocol version of the peer is 9, expected ${PROTOCOL_VERSION}`,
  ],
  ["an unknown frame type", helloWith((frame) => frame.writeUInt8(200, 5)), "frame type is 200"],
  ["a reserved field that is set", helloWith((frame) => frame.writeUInt16LE(1, 6)), "reserved field is 1"],
  [
    "a HELLO of 4 GiB",
    helloWith((frame) => frame.writeUInt32LE(2 ** 32 - 1, 8)),
    'payload of frame "hello" is 4294967295',
  ],
  ["a HELLO without a room", helloWith((frame) => frame.fill(0, 12, 20)), "room is 0, expected 1"],
  [
    "a HELLO with a string past its end",
    helloWith((frame) => frame.writeUInt16LE(60_000, 12 + 36)),
    `"dtype"`,
  ],
  ["another frame first", encodeFrame("grant", {}), `first frame is "grant", expected "hello"`],
  ["DATA", encodeFrame("data", { start: 0, count: 1, checksum: 0 }, 4), `frame type is "data"`],
];

describe("the KV port", () => {
  test.each(cases)(
    "answers %s with a reason, closes the connection, warns, and goes on",
    async (_, bytes, reason) => {
      const warnings: string[] = [];
      await withCluster({ warnings }, async (cluster) => {
        const peer = RawPeer.connect(cluster.port);
        peer.socket.write(bytes);
        expect((await peer.frame("abort")).text).toContain(reason);
        peer.socket.end();
        await until(() => peer.closed);
        expect(warnings).toEqual([
          expect.stringMatching(/^Cannot accept a KV connection from 127\.0\.0\.1:\d+: /),
        ]);
        await expectHealthy(cluster);
      });
    },
  );

  test("waits for half a HELLO only so long", async () => {
    await withCluster({ limits: { helloTimeoutMs: 20 } }, async (cluster) => {
      const peer = RawPeer.connect(cluster.port);
      peer.socket.write(RawPeer.helloBytes(newRoom(), 1).subarray(0, 40));
      expect((await peer.frame("abort")).text).toContain(`no complete "hello" came within 20 ms`);
      peer.socket.end();
      await expectHealthy(cluster);
    });
  });

  test("closes a peer that neither speaks nor leaves", async () => {
    await withCluster({ limits: { helloTimeoutMs: 20, lingerMs: 20 } }, async (cluster) => {
      const peer = RawPeer.connect(cluster.port);
      peer.socket.allowHalfOpen = true;
      await until(() => cluster.server.status().connections === 1);
      await until(() => cluster.server.status().connections === 0);
      peer.socket.destroy();
    });
  });

  test.each([0, 3, HEADER_BYTES, 40])("forgets a peer that leaves after %i bytes", async (bytes) => {
    await withCluster({}, async (cluster) => {
      const peer = RawPeer.connect(cluster.port);
      await until(() => cluster.server.status().connections === 1);
      peer.socket.end(RawPeer.helloBytes(newRoom(), 1).subarray(0, bytes));
      await until(() => cluster.server.status().connections === 0);
      await expectHealthy(cluster);
    });
  });

  test("keeps a bounded number of connections that have not said who they are", async () => {
    await withCluster({ limits: { maxUnidentified: 3 } }, async (cluster) => {
      const silent = Array.from({ length: 3 }, () => RawPeer.connect(cluster.port));
      await until(() => cluster.server.status().connections === 3);
      const oneMore = RawPeer.connect(cluster.port);
      await until(() => oneMore.closed);
      expect(cluster.server.status().connections).toBe(3);
      for (const { socket } of silent) socket.destroy();
      await until(() => cluster.server.status().connections === 0);
      await expectHealthy(cluster);
    });
  });

  test("warns once for many bad connections", async () => {
    const warnings: string[] = [];
    await withCluster({ warnings }, async (cluster) => {
      const peers = Array.from({ length: 20 }, () => RawPeer.connect(cluster.port));
      for (const { socket } of peers) socket.end("garbage in");
      await until(() => peers.every(({ closed }) => closed));
      expect(warnings.length).toBeLessThan(20);
      await expectHealthy(cluster);
    });
  });

  test("that is taken already is reported with its address", async () => {
    await withCluster({}, async ({ port }) => {
      const late = createKvServer({ ...identity("prefill-1", LAYOUT), logger: silentLogger });
      await expect(late.listen("127.0.0.1", port)).rejects.toMatchObject({
        code: "unavailable",
        message: expect.stringContaining(`Cannot listen for KV connections on "127.0.0.1:${port}"`),
      });
      await late.close();
    });
  });
});
