/** What an aggregated worker says of itself, in a cluster that records no traces. */
import { METRICS, type MetricsRole } from "@baton/metrics";
import { BABBLE_MODEL } from "@baton/model/testing";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { Cluster } from "../support/cluster.ts";
import { scrape, total } from "../support/scrape.ts";

const PROCESSES = [
  ["router", "router"],
  ["decode-0", "aggregated"],
] as const satisfies readonly (readonly [string, MetricsRole])[];

let cluster: Cluster;

beforeAll(async () => {
  cluster = await Cluster.start({ mode: "aggregated", env: { BATON_TRACE_STORE: "off" } });
  for (const [index, prompt] of ["once upon a time ".repeat(8), "once upon a time ".repeat(9)].entries()) {
    const body = { model: BABBLE_MODEL, prompt, max_tokens: 5 + index, temperature: 0 };
    await cluster.openai.completions.create(body);
  }
  await cluster.atRest();
}, 60_000);

afterAll(() => cluster?.[Symbol.asyncDispose]());

describe.each(PROCESSES)("the metrics of %s", (name, role) => {
  test(`are those of the table for the role ${role}, no more and no fewer`, async () => {
    const { types, samples } = await scrape(cluster, name);
    const expected = Object.entries(METRICS)
      .filter(([, { roles }]) => (roles as readonly MetricsRole[]).includes(role))
      .map(([metric]) => metric.replace(/_total$/, ""));
    expect([...types.keys()].sort()).toEqual(expected.sort());
    expect(new Set(samples.map(({ labels }) => labels.role))).toEqual(new Set([role]));
  });

  test("say that no span was dropped, though none is made", async () => {
    const { samples } = await scrape(cluster, name);
    const dropped = samples.filter((sample) => sample.name === "baton_trace_spans_dropped_total");
    expect(dropped.map(({ value }) => value)).toEqual([0]);
  });
});

test("an aggregated worker counts its requests, tokens, cache and stages, and no transfer", async () => {
  const worker = await scrape(cluster, "decode-0");
  expect(total(worker, "baton_requests_total", { outcome: "success" })).toBe(2);
  expect(total(worker, "baton_completion_tokens_total")).toBe(11);
  expect(total(worker, "baton_prompt_tokens_total")).toBe(17 * 17);
  expect(total(worker, "baton_cached_tokens_total")).toBeGreaterThan(0);
  expect(total(worker, "baton_prefix_cache_hit_tokens_total")).toBe(
    total(worker, "baton_cached_tokens_total"),
  );
  expect(total(worker, "baton_time_to_first_token_seconds_count")).toBe(2);
  expect(total(worker, "baton_inter_token_latency_seconds_count")).toBe(9);
  for (const stage of ["prefill_waiting", "prefill_forward", "decode_waiting", "decode_forward"]) {
    expect(total(worker, "baton_request_stage_seconds_count", { stage })).toBe(2);
  }
  expect(total(worker, "baton_request_stage_seconds_count", { stage: "decode_bootstrap" })).toBe(0);
});

test("the router counts requests that one worker serves as local", async () => {
  const router = await scrape(cluster, "router");
  expect(total(router, "baton_router_decisions_total", { mode: "local", why: "aggregated" })).toBe(2);
  expect(total(router, "baton_router_circuits", { worker: "decode-0", state: "closed" })).toBe(1);
  expect(total(router, "baton_router_cache_hit_blocks_total")).toBeGreaterThan(0);
});
