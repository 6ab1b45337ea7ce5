/** Requests that run while somebody else does wrong things to the workers. */
import { once } from "node:events";
import { connect } from "node:net";
import { BatonError, bootstrapRoom, NEUTRAL_SAMPLING, requestId, systemClock } from "@baton/core";
import { createPrefillClient } from "@baton/rpc";
import { SPAN } from "@baton/tracing";
import { expect } from "@jest/globals";
import { DISAGGREGATED_TREE } from "./answered.ts";
import { prefills } from "./left.ts";
import type { Scenario } from "./scenario.ts";
import { longPrompt, type TracedRun } from "./traced-run.ts";

/** Does something wrong while the prompt of a request is prefilled; the request must not notice. */
async function undisturbed(traced: TracedRun, wrong: () => Promise<unknown>): Promise<void> {
  const { id, answer } = traced.send({ outcome: "success" }, { prompt: longPrompt() });
  await prefills(traced)();
  await wrong();
  expect((await answer).status).toBe(200);
  await traced.traceOf(id, [...DISAGGREGATED_TREE, SPAN.kvRecv]);
}

const GARBAGE: readonly (readonly [string, Uint8Array])[] = [
  ["an HTTP request", Buffer.from("GET / HTTP/1.1\r\nHost: baton\r\n\r\n")],
  ["zeros", Buffer.alloc(64 * 1024)],
];

async function sendGarbage({ cluster }: TracedRun, bytes: Uint8Array): Promise<void> {
  const [host, port] = cluster.process("prefill-0").addresses.kv!.split(":");
  const socket = connect(Number(port), host);
  socket.on("error", () => {}); // A reset is one of the ways to refuse garbage.
  socket.resume();
  const closed = once(socket, "close");
  socket.end(bytes);
  await closed;
}

/** A room is secret to its request, so a stranger's second claim is made of a room of its own. */
const duplicateRoom: Scenario = {
  name: "a room that is claimed twice on its worker while a request runs",
  run: (traced) =>
    undisturbed(traced, async () => {
      const client = createPrefillClient(traced.cluster.process("prefill-0").addresses.grpc!);
      const controller = new AbortController();
      const claims = [1, 2].map((n) =>
        client.prefill(strangersCall(`stranger-${n}`), { signal: controller.signal }),
      );
      const ends = Promise.allSettled(claims);
      const refused = await Promise.race(claims).catch((reason: unknown) => reason);
      controller.abort(new BatonError("canceled", "The stranger leaves"));
      await ends;
      client.close();
      expect(refused).toMatchObject({ code: "room_conflict" });
    }),
};

function strangersCall(id: string) {
  return {
    request: {
      requestId: requestId(id),
      promptTokenIds: [1, 2, 3],
      sampling: { ...NEUTRAL_SAMPLING, maxTokens: 4 },
      deadline: systemClock.now() + 30_000,
    },
    room: bootstrapRoom(4711n),
    attempt: 1,
    header: undefined,
  };
}

export const DISTURBED: readonly Scenario[] = [
  ...GARBAGE.map(([what, bytes]) => ({
    name: `${what} on the KV port while a request runs`,
    run: (traced: TracedRun) => undisturbed(traced, () => sendGarbage(traced, bytes)),
  })),
  duplicateRoom,
];
