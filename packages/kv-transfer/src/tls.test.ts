/** Must hold: with certificates, KV is handed over to workers of the cluster's authority alone. */
import { connect } from "node:net";
import { connect as connectTls } from "node:tls";
import { TestCertificates } from "@baton/tls/testing";
import { afterAll, describe, expect, test } from "@jest/globals";
import {
  FIRST,
  failureOf,
  LAYOUT,
  newRoom,
  PromptBlocks,
  RawPeer,
  until,
  withCluster,
} from "./test-support.ts";

const certificates = new TestCertificates(["prefill-worker", "decode-worker"]);
const others = new TestCertificates(["decode-worker"]);
const tls = certificates.identity("prefill-worker");
const decodeTls = certificates.identity("decode-worker");

afterAll(() => {
  certificates[Symbol.dispose]();
  others[Symbol.dispose]();
});

describe("over TLS", () => {
  test.each([1, 9, 4000])("a prompt of %i tokens arrives byte for byte", async (promptTokens) => {
    await withCluster({ tls, decodeTls }, async ({ open, receive }) => {
      const room = newRoom();
      const source = new PromptBlocks(LAYOUT, promptTokens).fill(7);
      const target = new PromptBlocks(LAYOUT, promptTokens).fill(99);
      const sending = open({ room, promptTokens, block: source.block });
      const receiving = receive({ room, promptTokens, block: target.block });
      sending.push(promptTokens);
      sending.finish(FIRST);
      await Promise.all([sending.done, receiving.done]);
      expect(target.content().equals(source.content())).toBe(true);
    });
  });

  test("the name that all certificates carry can be asked for, and another is not accepted", async () => {
    const named = (serverName: string) => certificates.identity("decode-worker", serverName);
    for (const [serverName, accepted] of [
      ["baton", true],
      ["prefill-worker", true],
      ["router", false],
    ] as const) {
      await withCluster({ tls, decodeTls: named(serverName) }, async ({ open, receive }) => {
        const room = newRoom();
        const sending = open({ room, promptTokens: 1 });
        const receiving = receive({ room, promptTokens: 1 });
        sending.push(1);
        sending.finish(FIRST);
        if (accepted) await Promise.all([sending.done, receiving.done]);
        else {
          expect((await failureOf(receiving.done)).message).toContain(
            "does not match certificate's altnames",
          );
          sending.abort(await failureOf(receiving.done));
          await failureOf(sending.done);
        }
      });
    }
  });

  test.each([
    ["without TLS", undefined, /does not speak TLS/],
    [
      "with a certificate of another authority",
      { ...others.identity("decode-worker"), ca: tls.ca },
      /another authority/,
    ],
  ])("a decode worker %s is refused, and the log says so", async (_what, stranger, reason) => {
    const warnings: string[] = [];
    await withCluster({ tls, decodeTls: stranger, warnings }, async ({ receive }) => {
      const failure = await failureOf(receive({ room: newRoom(), promptTokens: 1 }).done);
      expect(failure.code).toBe("worker_lost");
      await until(() => warnings.length > 0);
      expect(warnings[0]).toMatch(/^KV connection refused: /);
      expect(warnings[0]).toMatch(reason);
    });
  });

  test("a peer without a certificate is refused", async () => {
    const warnings: string[] = [];
    await withCluster({ tls, warnings }, async ({ port }) => {
      const peer = new RawPeer(connectTls({ host: "127.0.0.1", port, ca: tls.ca }), "prefill");
      peer.hello(newRoom(), 1);
      await until(() => peer.closed && warnings.length > 0);
      expect(peer.frames).toEqual([]);
      expect(warnings[0]).toBe("KV connection refused: it showed no certificate");
    });
  });

  test("a peer that never finishes its handshake is closed in time, and one too many at once", async () => {
    const limits = { helloTimeoutMs: 50, maxUnidentified: 2 };
    await withCluster({ tls, limits }, async ({ port }) => {
      const silent = Array.from({ length: 3 }, () => {
        const socket = connect({ host: "127.0.0.1", port })
          .on("error", () => {})
          .resume();
        return new Promise((resolve) => socket.once("close", resolve));
      });
      await Promise.all(silent);
    });
  });

  test("a decode worker with TLS is refused by a prefill worker without", async () => {
    await withCluster({ decodeTls }, async ({ receive }) => {
      const failure = await failureOf(receive({ room: newRoom(), promptTokens: 1 }).done);
      expect(["worker_lost", "kv_transfer_failed"]).toContain(failure.code);
    });
  });
});
