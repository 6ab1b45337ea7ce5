/** What Prometheus, the log and the client are told of requests, against what the requests really were. */

import { randomUUID } from "node:crypto";
import { METRICS, type MetricsRole } from "@baton/metrics";
import { type ParsedExposition, parseExposition, type Sample } from "@baton/metrics/testing";
import { BABBLE_MODEL } from "@baton/model/testing";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { Cluster } from "../support/cluster.ts";
import { eventually } from "../support/eventually.ts";
import { type OtlpReceiver, startOtlpReceiver } from "../support/otlp-receiver.ts";
import { collect, post } from "../support/sse.ts";

const PROCESSES = { router: "router", "prefill-0": "prefill", "decode-0": "decode" } as const;
type Name = keyof typeof PROCESSES;

/** A word that must appear in no log and no metric. */
const SECRET = "Rumpelstiltskin";

let receiver: OtlpReceiver;
let cluster: Cluster;
/** What the successful requests were answered with. */
const usages: { prompt_tokens: number; completion_tokens: number }[] = [];
const traceIds: string[] = [];

beforeAll(async () => {
  receiver = await startOtlpReceiver({ protocol: "grpc" });
  cluster = await Cluster.start({
    otlp: { endpoint: receiver.grpcEndpoint, protocol: "grpc" },
    routerArgs: ["--max-inflight", "1"],
    workerArgs: ["--chunk-tokens", "16"],
    env: { BATON_LOG_LEVEL: "info" },
  });
  await sendTraffic();
  await cluster.atRest();
}, 60_000);

afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
  await receiver?.stop();
});

/** Four whole answers, three streams, two mistakes; clients that leave during output, in the queue, and in prefill. */
async function sendTraffic(): Promise<void> {
  for (let i = 0; i < 4; i++) usages.push((await whole({ max_tokens: 5 + i })).usage);
  for (let i = 0; i < 3; i++)
    usages.push((await streamed({ stream_options: { include_usage: true } })).usage);
  expect((await send({ max_tokens: -1 })).status).toBe(400);
  expect((await send({ model: "gpt-7" })).status).toBe(404);
  const first = await send({ stream: true, max_tokens: 3000 });
  await first.events[Symbol.asyncIterator]().next();
  const second = startAndWait({});
  await eventually("the second waits", async () => {
    return value(await scrape("router"), "baton_requests_waiting") === 1;
  });
  second.abort();
  await canceled(1); // Before the first leaves its place to it.
  first.leave();
  await canceled(2);
  const third = startAndWait({ prompt: `${randomUUID()} `.repeat(100) });
  await eventually("the third is being prefilled", async () => {
    return value(await scrape("prefill-0"), "baton_sequences", { state: "prefilling" }) === 1;
  });
  third.abort();
  await canceled(3);
}

/** Resolves once so many requests have ended because their clients left. */
async function canceled(count: number): Promise<void> {
  await eventually(`${count} requests are canceled`, async () => {
    return value(await scrape("router"), "baton_requests_total", { outcome: "canceled" }) === count;
  });
}

/** Sends a request whose answer is not read. */
function startAndWait(fields: object): AbortController {
  const controller = new AbortController();
  const { signal } = controller;
  const body = JSON.stringify(bodyOf(fields));
  fetch(`${cluster.url}/v1/completions`, { method: "POST", body, signal }).catch(() => {});
  return controller;
}

function bodyOf(fields: object) {
  const prompt = `${SECRET} spins straw, ${randomUUID()}`;
  return { model: BABBLE_MODEL, prompt, max_tokens: 6, temperature: 0, ...fields };
}

async function send(fields: object, headers: Record<string, string> = {}) {
  const answer = await post(`${cluster.url}/v1/completions`, bodyOf(fields), headers);
  const traceId = answer.headers.get("x-baton-trace-id");
  if (traceId) traceIds.push(traceId);
  return answer;
}

async function whole(fields: object, headers: Record<string, string> = {}) {
  const answer = await send(fields, headers);
  const body = JSON.parse((await collect(answer)).join(""));
  return { ...body, timing: answer.headers.get("x-baton-timing") };
}

/** The last object of a stream. */
async function streamed(fields: object, headers: Record<string, string> = {}) {
  const payloads = await collect(await send({ stream: true, ...fields }, headers));
  return JSON.parse(payloads.at(-2)!);
}

async function scrape(name: Name): Promise<ParsedExposition> {
  const { http, metrics } = cluster.process(name).addresses;
  const response = await fetch(`http://${metrics ?? http}/metrics`);
  expect(response.headers.get("content-type")).toContain("application/openmetrics-text");
  return parseExposition(await response.text());
}

function samples({ samples: all }: ParsedExposition, name: string, labels: Record<string, string> = {}) {
  return all.filter(
    (sample) =>
      sample.name === name && Object.entries(labels).every(([label, is]) => sample.labels[label] === is),
  );
}

/** The sum over the series with these labels. */
function value(exposition: ParsedExposition, name: string, labels: Record<string, string> = {}): number {
  return samples(exposition, name, labels).reduce((sum, sample) => sum + sample.value, 0);
}

function isSubset<T>(part: Iterable<T>, all: Iterable<T>): boolean {
  const known = new Set(all);
  return [...part].every((element) => known.has(element));
}

const total = (field: "prompt_tokens" | "completion_tokens") =>
  usages.reduce((sum, usage) => sum + usage[field], 0);

describe.each(Object.entries(PROCESSES) as [Name, MetricsRole][])("the metrics of %s", (name, role) => {
  test("are those of the table, no more and no fewer", async () => {
    const expected = Object.entries(METRICS)
      .filter(([, { roles }]) => (roles as readonly MetricsRole[]).includes(role))
      .map(([metric]) => metric.replace(/_total$/, ""));
    expect([...(await scrape(name)).types.keys()].sort()).toEqual(expected.sort());
  });

  test("name a trace that was exported wherever they name one", async () => {
    const exemplars = (await scrape(name)).samples.flatMap(({ exemplar }) => exemplar ?? []);
    expect(exemplars.length).toBeGreaterThan(5);
    const named = new Set(exemplars.map(({ labels }) => labels.trace_id));
    await receiver.waitFor((spans) =>
      isSubset(
        named,
        spans.map(({ traceId }) => traceId),
      ),
    );
  });

  test("have no time to the first token of a request without output", async () => {
    // One more than succeeded: the client that left during its output.
    expect(value(await scrape(name), "baton_time_to_first_token_seconds_count")).toBe(usages.length + 1);
  });

  test("say nothing of prompts", async () => {
    const text = JSON.stringify((await scrape(name)).samples);
    expect(text).not.toContain(SECRET);
  });
});

test("the router counts requests and tokens as its clients do", async () => {
  const router = await scrape("router");
  const outcomes = samples(router, "baton_requests_total").map(({ labels, value: n }) => [labels.outcome, n]);
  expect(Object.fromEntries(outcomes)).toEqual({ success: usages.length, error: 2, canceled: 3 });
  const failures = samples(router, "baton_request_failures_total").map(({ labels, value: n }) => [
    labels.reason,
    n,
  ]);
  expect(Object.fromEntries(failures)).toEqual({ invalid_argument: 1, not_found: 1, canceled: 3 });
  expect(value(router, "baton_prompt_tokens_total")).toBe(total("prompt_tokens"));
  expect(value(router, "baton_completion_tokens_total")).toBe(total("completion_tokens"));
  expect(value(router, "baton_inter_token_latency_seconds_count")).toBeGreaterThanOrEqual(
    total("completion_tokens") - usages.length,
  );
  expect(value(router, "baton_router_decisions_total", { mode: "disaggregated" })).toBe(usages.length + 2);
  expect(value(router, "baton_requests_running")).toBe(0);
  expect(value(router, "baton_requests_waiting")).toBe(0);
  for (const worker_role of ["prefill", "decode"]) {
    expect(value(router, "baton_router_workers", { worker_role, state: "serving" })).toBe(1);
  }
  const genAi = { gen_ai_operation_name: "text_completion", gen_ai_request_model: BABBLE_MODEL };
  expect(value(router, "gen_ai_server_time_to_first_token_seconds_count", genAi)).toBe(usages.length);
});

test("both workers count the same legs, tokens and bytes", async () => {
  const [prefill, decode] = [await scrape("prefill-0"), await scrape("decode-0")];
  expect(value(prefill, "baton_requests_total", { outcome: "success" })).toBe(usages.length + 1);
  expect(value(decode, "baton_requests_total", { outcome: "success" })).toBe(usages.length);
  expect(value(prefill, "baton_requests_total", { outcome: "canceled" })).toBe(1);
  expect(value(decode, "baton_requests_total", { outcome: "canceled" })).toBe(2);
  expect(value(decode, "baton_completion_tokens_total")).toBe(total("completion_tokens"));
  expect(value(decode, "baton_prompt_tokens_total")).toBe(total("prompt_tokens"));
  expect(samples(prefill, "baton_inter_token_latency_seconds_count")).toEqual([]);
  const bytes = value(prefill, "baton_kv_transfer_bytes_total");
  expect(bytes).toBeGreaterThan(0);
  expect(value(decode, "baton_kv_transfer_bytes_total")).toBe(bytes);
  for (const worker of [prefill, decode]) {
    expect(value(worker, "baton_bootstrap_wait_seconds_count")).toBe(usages.length + 2);
    expect(value(worker, "baton_kv_transfer_seconds_count")).toBe(usages.length + 1);
    expect(value(worker, "baton_engine_step_seconds_count")).toBeGreaterThan(0);
    expect(value(worker, "baton_kv_blocks")).toBe(value(worker, "baton_kv_blocks_capacity"));
    expect(value(worker, "baton_kv_blocks", { state: "used" })).toBe(0);
    expect(value(worker, "baton_sequences")).toBe(0);
    expect(value(worker, "baton_trace_defects_total")).toBe(0);
  }
});

test("each stage of a request is timed once in its process", async () => {
  const stages = (samplesOf: readonly Sample[]) =>
    Object.fromEntries(samplesOf.map(({ labels, value: n }) => [labels.stage, n]));
  const counts = async (name: Name) =>
    stages(samples(await scrape(name), "baton_request_stage_seconds_count"));
  const routed = usages.length + 2;
  expect(await counts("router")).toMatchObject({
    admission: routed + 1,
    tokenize: routed,
    prefill_routing: routed,
    decode_routing: routed,
  });
  const [prefill, decode] = [await counts("prefill-0"), await counts("decode-0")];
  expect(prefill).toMatchObject({
    prefill_bootstrap: routed,
    prefill_waiting: routed,
    prefill_forward: routed,
  });
  expect(decode).toMatchObject({ decode_bootstrap: routed });
  // The request whose client left in its prefill may have left before any KV was there to be transferred.
  for (const transfers of [prefill.prefill_transfer_kv_cache, decode.decode_transferred]) {
    expect([routed - 1, routed]).toContain(transfers);
  }
});

test("a worker's health is beside its metrics", async () => {
  const response = await fetch(`http://${cluster.process("decode-0").addresses.metrics}/health`);
  expect([response.status, await response.json()]).toEqual([200, { status: "serving" }]);
});

test("every answer names its trace, which is exported", async () => {
  // All but the one that left before it was answered.
  expect(new Set(traceIds).size).toBeGreaterThanOrEqual(usages.length + 3);
  await receiver.waitFor((spans) =>
    isSubset(
      traceIds,
      spans.map(({ traceId }) => traceId),
    ),
  );
});

test("the router's log has one line for each request, with its trace, and nothing of its prompt", async () => {
  const { log } = cluster.process("router");
  const lines = log
    .split("\n")
    .filter((line) => line.includes("Request finished"))
    .map((line) => JSON.parse(line));
  expect(lines.length).toBeGreaterThanOrEqual(usages.length + 4);
  for (const line of lines) {
    expect(line).toMatchObject({
      level: "info",
      request: expect.any(String),
      trace_id: expect.stringMatching(/^[0-9a-f]{32}$/),
      span_id: expect.stringMatching(/^[0-9a-f]{16}$/),
      outcome: expect.stringMatching(/^(success|error|canceled)$/),
      totalMs: expect.any(Number),
    });
  }
  for (const name of Object.keys(PROCESSES)) expect(cluster.process(name).log).not.toContain(SECRET);
});

const PARTS = [
  "queue",
  "tokenize",
  "routing",
  "prefill_wait",
  "prefill",
  "transfer",
  "decode_wait",
  "decode",
  "ttft",
  "total",
];

function expectPlausible(timing: Readonly<Record<string, number>>): void {
  expect(Object.keys(timing)).toEqual(PARTS);
  for (const part of ["tokenize", "routing", "prefill", "transfer", "decode"]) {
    expect(timing[part]).toBeGreaterThan(0);
    expect(timing[part]).toBeLessThan(timing.total!);
  }
  expect(timing.ttft).toBeGreaterThan(timing.prefill!);
  expect(timing.ttft).toBeLessThan(timing.total!);
}

const withoutUnit = (timing: Readonly<Record<string, number>>) =>
  Object.fromEntries(Object.entries(timing).map(([name, ms]) => [name.replace(/_ms$/, ""), ms]));

describe("where the time went", () => {
  test("is in a header of every whole answer", async () => {
    const { timing, usage } = await whole({});
    const parts = (timing as string).split(", ").map((part) => part.split(";dur="));
    expectPlausible(Object.fromEntries(parts.map(([name, ms]) => [name, Number(ms)])));
    expect(usage.timing).toBeUndefined();
  });

  test("is in the usage of a whole answer whose request asks for it in a header", async () => {
    const { usage } = await whole({}, { "x-baton-timing": "1" });
    expectPlausible(withoutUnit(usage.timing));
  });

  test.each([
    ["a header", {}, { "x-baton-timing": "1" }],
    ["its options", { stream_options: { include_timing: true } }, {}],
  ])("ends a stream whose request asks for it in %s", async (_, fields, headers) => {
    const last = await streamed(fields, headers as Record<string, string>);
    expect(last.choices).toEqual([]);
    expectPlausible(withoutUnit(last.usage.timing));
  });

  test("is not in a stream that was not asked", async () => {
    const { usage } = await streamed({ stream_options: { include_usage: true } });
    expect(usage.timing).toBeUndefined();
  });
});
