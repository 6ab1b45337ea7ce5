/** Must hold: the time that a grammar takes is a stage of its own, in each leg that waits for it. */
import { randomUUID } from "node:crypto";
import { ensureBabbleToolsCheckpoint } from "@baton/model/testing";
import { checkTrace, type ExportedSpan, SPAN } from "@baton/tracing";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { Cluster, TEST_CACHE } from "../support/cluster.ts";
import { type OtlpReceiver, startOtlpReceiver } from "../support/otlp-receiver.ts";
import { collect, post } from "../support/sse.ts";

let receiver: OtlpReceiver;
let cluster: Cluster;

beforeAll(async () => {
  receiver = await startOtlpReceiver({ protocol: "grpc" });
  const otlp = { endpoint: receiver.grpcEndpoint, protocol: "grpc" as const };
  cluster = await Cluster.start({ model: await ensureBabbleToolsCheckpoint(TEST_CACHE), otlp });
}, 90_000);

afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
  await receiver.stop();
});

/** The trace of an answer, once all of it has arrived. */
async function traceOf(body: Record<string, unknown>): Promise<readonly ExportedSpan[]> {
  const id = randomUUID();
  const messages = [{ role: "user", content: `${id}, say something.` }];
  const request = { model: "babble-tools", messages, max_tokens: 40, temperature: 0, ...body };
  const answer = await post(`${cluster.url}/v1/chat/completions`, request, { "x-request-id": id });
  await collect(answer);
  expect(answer.status).toBe(200);
  const find = () => {
    const spans = receiver.spans();
    const traceId = spans.find(({ name }) => name === `Req ${id}`)?.traceId;
    return spans.filter((span) => span.traceId === traceId);
  };
  await receiver.waitFor(
    () =>
      [SPAN.prefill, SPAN.decode].every((name) => find().some((span) => span.name === name)) &&
      checkTrace(find(), { outcome: "success" }).length === 0,
  );
  return find();
}

test("an answer in JSON waits for its grammar before its prompt and its KV, and no other answer does", async () => {
  const trace = await traceOf({ response_format: { type: "json_object" } });
  const named = (name: string) => trace.find((span) => span.name === name)!;
  const grammars = trace.filter(({ name }) => name === SPAN.grammarCompile);
  expect(grammars.map(({ parentSpanId }) => parentSpanId).sort()).toEqual(
    [named(SPAN.prefill).spanId, named(SPAN.decode).spanId].sort(),
  );
  for (const [leg, next] of [
    [SPAN.prefill, SPAN.prefillWaiting],
    [SPAN.decode, SPAN.decodeBootstrap],
  ] as const) {
    const grammar = grammars.find(({ parentSpanId }) => parentSpanId === named(leg).spanId)!;
    expect(grammar.endNs <= named(next).startNs).toBe(true);
  }
  const plain = await traceOf({});
  expect(plain.map(({ name }) => name)).not.toContain(SPAN.grammarCompile);
}, 60_000);
