import { BatonError } from "@baton/core";
import { describe, expect, test } from "@jest/globals";
import { createMetrics, type Metrics } from "./metrics.ts";
import { parseExposition, type Sample } from "./parse-exposition.ts";
import { RequestMetrics } from "./request-metrics.ts";
import { stageMetrics } from "./stage-metrics.ts";
import { observeTransfer } from "./transfer-metrics.ts";

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const SPAN_ID = "b7ad6b7169203331";
const sampled = { traceparent: `00-${TRACE}-${SPAN_ID}-01` };
const unsampled = { traceparent: `00-${TRACE}-${SPAN_ID}-00` };

async function samplesOf(metrics: Metrics): Promise<readonly Sample[]> {
  return parseExposition((await metrics.expose()).body).samples;
}

/** The value of the one series with these labels among its own. */
async function seriesValue(metrics: Metrics, name: string, labels: Record<string, string> = {}) {
  const found = (await samplesOf(metrics)).filter(
    (sample) =>
      sample.name === name &&
      Object.entries(labels).every(([label, value]) => sample.labels[label] === value),
  );
  expect(found.length).toBeLessThan(2);
  return found[0]?.value;
}

describe("exposition", () => {
  test("is OpenMetrics, with the role on every series", async () => {
    const metrics = createMetrics("prefill");
    metrics.observe("baton_request_stage_seconds", 0.02, { stage: "prefill_forward" });
    const { contentType, body } = await metrics.expose();
    expect(contentType).toBe("application/openmetrics-text; version=1.0.0; charset=utf-8");
    const { samples, types } = parseExposition(body);
    expect(types.get("baton_requests")).toBe("counter");
    expect(samples.length).toBeGreaterThan(50);
    expect(samples.every(({ labels }) => labels.role === "prefill")).toBe(true);
  });

  test("scrapes that come together get the same answer", async () => {
    const metrics = createMetrics("router");
    let reads = 0;
    metrics.read("baton_requests_running", () => {
      reads += 1;
      return [{ labels: {}, value: 1 }];
    });
    await Promise.all([metrics.expose(), metrics.expose(), metrics.expose()]);
    expect(reads).toBe(1);
    await metrics.expose();
    expect(reads).toBe(2);
  });
});

describe("exemplars", () => {
  test("name the trace and the span of a sampled request, on the bucket of the value", async () => {
    const metrics = createMetrics("decode");
    metrics.observe("baton_time_to_first_token_seconds", 0.03, {}, sampled);
    const withExemplar = (await samplesOf(metrics)).filter(({ exemplar }) => exemplar);
    expect(withExemplar).toEqual([
      {
        name: "baton_time_to_first_token_seconds_bucket",
        labels: { le: "0.05", role: "decode" },
        value: 1,
        exemplar: { labels: { trace_id: TRACE, span_id: SPAN_ID }, value: 0.03 },
      },
    ]);
  });

  test.each([undefined, unsampled, { traceparent: "garbage" }])(
    "are left out for the header %j",
    async (header) => {
      const metrics = createMetrics("decode");
      metrics.observe("baton_time_to_first_token_seconds", 0.03, {}, header);
      expect(await seriesValue(metrics, "baton_time_to_first_token_seconds_count")).toBe(1);
      expect((await samplesOf(metrics)).some(({ exemplar }) => exemplar)).toBe(false);
    },
  );
});

describe("M1: nothing throws into the host", () => {
  test.each([Number.NaN, Number.POSITIVE_INFINITY, -1])(
    "a value of %p is counted and dropped",
    async (value) => {
      const metrics = createMetrics("decode");
      metrics.observe("baton_time_to_first_token_seconds", value, {});
      metrics.add("baton_prompt_tokens_total", value, {});
      expect(await seriesValue(metrics, "baton_time_to_first_token_seconds_count")).toBe(0);
      expect(await seriesValue(metrics, "baton_prompt_tokens_total")).toBe(0);
      expect(await seriesValue(metrics, "baton_metrics_rejected_total")).toBe(2);
    },
  );

  test("a source that fails at a scrape leaves its own metric out and no other", async () => {
    const metrics = createMetrics("decode");
    metrics.read("baton_sequences", () => {
      throw new Error("the engine is gone");
    });
    metrics.read("baton_kv_connections", () => [{ labels: {}, value: 4 }]);
    expect(await seriesValue(metrics, "baton_kv_connections")).toBe(4);
    expect(await seriesValue(metrics, "baton_metrics_rejected_total")).toBe(2);
  });
});

test("M2: a prefill worker never observes the latency between tokens", async () => {
  const metrics = createMetrics("prefill");
  const answer = new RequestMetrics({ metrics, header: undefined, startedAt: 0 }).answer();
  answer.tokens(1, 10);
  answer.tokens(1, 20);
  const names = (await samplesOf(metrics)).map(({ name }) => name);
  expect(names.some((name) => name.startsWith("baton_inter_token_latency"))).toBe(false);
  expect(await seriesValue(metrics, "baton_metrics_rejected_total")).toBe(0);
});

test("M3: series beyond the limit share one", async () => {
  const metrics = createMetrics("router");
  for (let i = 0; i < 1000; i++) metrics.add("baton_requests_total", 1, { outcome: `outcome ${i}` });
  const series = (await samplesOf(metrics)).filter(({ name }) => name === "baton_requests_total");
  expect(series).toHaveLength(257);
  expect(series.find(({ labels }) => labels.outcome === "other")?.value).toBe(744);
});

test("M4: what is read shows the present only", async () => {
  const metrics = createMetrics("router");
  let workers = ["decode-0", "decode-1"];
  metrics.read("baton_router_worker_requests", () =>
    workers.map((worker) => ({ labels: { worker, worker_role: "decode" }, value: 2 })),
  );
  await metrics.expose();
  workers = ["decode-1"];
  const series = (await samplesOf(metrics)).filter(({ name }) => name === "baton_router_worker_requests");
  expect(series.map(({ labels, value }) => [labels.worker, value])).toEqual([["decode-1", 2]]);
});

test("a counter that somebody else counts is exposed as it stands", async () => {
  const metrics = createMetrics("decode");
  let tokens = 7;
  metrics.read("baton_prefix_cache_hit_tokens_total", () => [{ labels: {}, value: tokens }]);
  expect(await seriesValue(metrics, "baton_prefix_cache_hit_tokens_total")).toBe(7);
  tokens = 9;
  expect(await seriesValue(metrics, "baton_prefix_cache_hit_tokens_total")).toBe(9);
});

describe("a request", () => {
  const usage = { promptTokens: 10, cachedTokens: 4, completionTokens: 3 };

  test("that succeeds is counted with its tokens and times", async () => {
    const metrics = createMetrics("router");
    const request = new RequestMetrics({ metrics, header: undefined, startedAt: 1000 });
    request.genAi = { operation: "chat", model: "demo" };
    const answer = request.answer();
    answer.tokens(1, 1100);
    answer.tokens(2, 1140);
    request.succeeded(usage);
    expect(await seriesValue(metrics, "baton_requests_total", { outcome: "success" })).toBe(1);
    expect(await seriesValue(metrics, "baton_time_to_first_token_seconds_sum")).toBeCloseTo(0.1);
    expect(await seriesValue(metrics, "baton_inter_token_latency_seconds_count")).toBe(2);
    expect(await seriesValue(metrics, "baton_inter_token_latency_seconds_sum")).toBeCloseTo(0.04);
    expect(await seriesValue(metrics, "baton_prompt_tokens_total")).toBe(10);
    expect(await seriesValue(metrics, "baton_cached_tokens_total")).toBe(4);
    expect(await seriesValue(metrics, "baton_completion_tokens_total")).toBe(3);
    const genAi = { gen_ai_operation_name: "chat", gen_ai_request_model: "demo" };
    expect(
      await seriesValue(metrics, "gen_ai_server_request_duration_seconds_count", {
        ...genAi,
        error_type: "",
      }),
    ).toBe(1);
    expect(await seriesValue(metrics, "gen_ai_server_time_to_first_token_seconds_sum", genAi)).toBeCloseTo(
      0.1,
    );
    expect(await seriesValue(metrics, "gen_ai_server_time_per_output_token_seconds_sum", genAi)).toBeCloseTo(
      0.02,
    );
  });

  test.each(["router", "prefill", "decode"] as const)(
    "that is aborted without output does not observe a time to the first token (%s)",
    async (role) => {
      const metrics = createMetrics(role);
      const request = new RequestMetrics({ metrics, header: undefined });
      request.answer();
      request.failed(new BatonError("canceled", "The client left"));
      request.succeeded(usage);
      expect(await seriesValue(metrics, "baton_time_to_first_token_seconds_count")).toBe(0);
      expect(await seriesValue(metrics, "baton_requests_total", { outcome: "canceled" })).toBe(1);
      expect(await seriesValue(metrics, "baton_requests_total", { outcome: "success" })).toBeUndefined();
      expect(await seriesValue(metrics, "baton_request_failures_total", { reason: "canceled" })).toBe(1);
      expect(await seriesValue(metrics, "baton_prompt_tokens_total")).toBe(0);
    },
  );

  test("with several choices has one time to the first token, and gaps within each choice", async () => {
    const metrics = createMetrics("router");
    const request = new RequestMetrics({ metrics, header: undefined, startedAt: 0 });
    const [one, two] = [request.answer(), request.answer()];
    one.tokens(1, 10);
    two.tokens(1, 500);
    one.tokens(1, 20);
    expect(await seriesValue(metrics, "baton_time_to_first_token_seconds_sum")).toBeCloseTo(0.01);
    expect(await seriesValue(metrics, "baton_inter_token_latency_seconds_sum")).toBeCloseTo(0.01);
  });
});

test("the exemplars of an answer are its longest gaps between tokens", async () => {
  const metrics = createMetrics("decode");
  const answer = new RequestMetrics({ metrics, header: sampled, startedAt: 0 }).answer();
  for (const at of [100, 130, 131, 181, 183]) answer.tokens(1, at);
  const exemplars = (await samplesOf(metrics)).flatMap(({ name, exemplar }) =>
    exemplar && name.startsWith("baton_inter_token") ? [exemplar.value] : [],
  );
  expect(exemplars).toEqual([0.03, 0.05]);
});

describe("a stage", () => {
  test("that is a queue or a bootstrap is observed as such too", async () => {
    const metrics = createMetrics("decode");
    const observer = stageMetrics(metrics);
    observer.stageEnded("decode_waiting", 0.5, sampled);
    observer.stageEnded("decode_bootstrap", 0.25, sampled);
    expect(await seriesValue(metrics, "baton_request_stage_seconds_sum", { stage: "decode_waiting" })).toBe(
      0.5,
    );
    expect(await seriesValue(metrics, "baton_request_queue_seconds_sum")).toBe(0.5);
    expect(await seriesValue(metrics, "baton_bootstrap_wait_seconds_sum")).toBe(0.25);
  });

  test("whose name is a request's own is not", async () => {
    const metrics = createMetrics("router");
    stageMetrics(metrics).stageEnded("Req 1234", 1, sampled);
    expect((await samplesOf(metrics)).some(({ labels }) => labels.stage)).toBe(false);
  });
});

test("a hand-over is observed with its bytes, time and speed", async () => {
  const metrics = createMetrics("prefill");
  observeTransfer(metrics, { bytes: 4096, startedAt: 1000, endedAt: 1500 }, sampled);
  observeTransfer(metrics, { bytes: 4096, startedAt: 1000, endedAt: 1000 }, sampled);
  expect(await seriesValue(metrics, "baton_kv_transfer_bytes_total")).toBe(8192);
  expect(await seriesValue(metrics, "baton_kv_transfer_seconds_sum")).toBe(0.5);
  expect(await seriesValue(metrics, "baton_kv_transfer_bytes_per_second_count")).toBe(1);
  expect(await seriesValue(metrics, "baton_kv_transfer_bytes_per_second_sum")).toBe(8192);
});
