/** Must hold: a worker that dies before the first token costs its clients nothing but time, where another serves. */
import { randomUUID } from "node:crypto";
import { BABBLE_MODEL } from "@baton/model/testing";
import { ATTR, checkTrace, EVENT, type ExportedSpan, formatTree, SPAN } from "@baton/tracing";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { Cluster } from "../support/cluster.ts";
import { eventually } from "../support/eventually.ts";
import { type OtlpReceiver, startOtlpReceiver } from "../support/otlp-receiver.ts";
import { collect, post } from "../support/sse.ts";

let receiver: OtlpReceiver;
let cluster: Cluster;

beforeAll(async () => {
  receiver = await startOtlpReceiver({ protocol: "both" });
  cluster = await Cluster.start({
    prefill: 2,
    otlp: { endpoint: receiver.grpcEndpoint, protocol: "grpc" },
    workerArgs: ["--chunk-tokens", "32"],
  });
}, 60_000);

afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
  await receiver?.stop();
});

async function complete(id: string, prompt: string): Promise<{ status: number; body: string }> {
  const body = { model: BABBLE_MODEL, prompt, max_tokens: 16, temperature: 0, ignore_eos: true };
  const response = await post(`${cluster.url}/v1/completions`, body, { "x-request-id": id });
  return { status: response.status, body: (await collect(response)).join("") };
}

/** The prefill worker that computes at this moment. */
function busyPrefillWorker(): Promise<string> {
  return eventually("a prefill worker computes", async () => {
    for (const name of ["prefill-0", "prefill-1"]) {
      if ((await cluster.status(name)).blocks.used > 0) return name;
    }
    return false;
  });
}

const text = (body: string): string => JSON.parse(body).choices[0].text;

test("the prefill worker killed in mid-transfer: the client gets the right answer, and one trace has both attempts", async () => {
  const id = randomUUID();
  const prompt = id.padEnd(6000, "once upon a time ");
  const answer = complete(id, prompt);
  await cluster.until("decode-0", "receives KV", ({ rooms }) => rooms.transferring === 1);
  const victim = await busyPrefillWorker();
  await cluster.end(victim, "SIGKILL");
  const { status, body } = await answer;
  expect([status, body]).toEqual([200, expect.stringContaining('"completion_tokens":16')]);
  await cluster.until("decode-0", "is at rest", ({ blocks }) => blocks.used === 0);

  const trace = await traceOf(id);
  const legs = (name: string) =>
    trace
      .filter((span) => span.name === name)
      .sort((a, b) => Number(a.attributes[ATTR.attempt]) - Number(b.attributes[ATTR.attempt]));
  expect(
    legs(SPAN.prefillLeg).map(({ attributes }) => [attributes[ATTR.attempt], attributes[ATTR.workerId]]),
  ).toEqual([
    [1, victim],
    [2, victim === "prefill-0" ? "prefill-1" : "prefill-0"],
  ]);
  expect(legs(SPAN.decodeLeg).map(({ attributes }) => attributes[ATTR.errorType] !== undefined)).toEqual([
    true,
    false,
  ]);
  const root = trace.find(({ parentSpanId }) => parentSpanId === undefined)!;
  expect(trace.flatMap(({ events }) => events).filter(({ name }) => name === EVENT.retry)).toHaveLength(1);
  expect(root.attributes[ATTR.errorType]).toBeUndefined();

  const undisturbed = await complete(randomUUID(), prompt);
  expect(text(body)).toBe(text(undisturbed.body));
  await cluster.restart(victim);
  await cluster.atRest();
}, 60_000);

/** The trace of a request, once it keeps the contract and its second attempt has arrived. */
async function traceOf(id: string): Promise<readonly ExportedSpan[]> {
  const find = (spans: readonly ExportedSpan[]) => {
    const root = spans.find(({ name }) => name === `Req ${id}`);
    return root ? spans.filter(({ traceId }) => traceId === root.traceId) : [];
  };
  const isThere = (spans: readonly ExportedSpan[]) => {
    const trace = find(spans);
    const violations = checkTrace(trace, { outcome: "success", lostParts: true });
    return violations.length === 0 && trace.filter(({ name }) => name === SPAN.decode).length === 2;
  };
  try {
    await receiver.waitFor(isThere);
  } catch (cause) {
    const trace = find(receiver.spans());
    const violations = JSON.stringify(checkTrace(trace, { outcome: "success", lostParts: true }));
    throw new Error(`${formatTree(trace)}\n${violations}`, { cause });
  }
  return find(receiver.spans());
}
