import { subscribe, unsubscribe } from "node:diagnostics_channel";
import type { ClientHttp2Stream } from "node:http2";
import { setImmediate as nextTurn } from "node:timers/promises";
import { expect, test } from "@jest/globals";
import { collect, END, generateCall, startDecodeServer, uncanceled } from "./testing/fixtures.ts";

test("the streams of finished calls have no listener left that knows the call", async () => {
  const streams: ClientHttp2Stream[] = [];
  const note = (message: unknown) => streams.push((message as { stream: ClientHttp2Stream }).stream);
  subscribe("http2.client.stream.created", note);
  await using peer = await startDecodeServer(async function* () {
    yield { type: "tokens", tokenIds: [1] };
    yield END;
  });
  await collect(peer.decode.generate(generateCall(), uncanceled()));
  const [stream] = streams;
  unsubscribe("http2.client.stream.created", note);
  while (!stream!.destroyed) await nextTurn();
  await nextTurn();
  await nextTurn();
  expect(stream!.eventNames()).toEqual(["error"]);
});
