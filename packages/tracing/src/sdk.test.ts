import { silentLogger } from "@baton/core";
import { describe, expect, test } from "@jest/globals";
import { nullRequestTracer } from "./null-request-tracer.ts";
import { otlpUrl, startTracing, type TracingOptions } from "./sdk.ts";

const OPTIONS: TracingOptions = {
  serviceName: "router",
  instanceId: "router-0",
  version: "0",
  level: 3,
  endpoint: "http://127.0.0.1:4317",
  protocol: "grpc",
  logger: silentLogger,
};

test.each([
  ["level 0", { level: 0 }],
  ["no endpoint", { endpoint: undefined }],
] as const)("with %s nothing is traced", async (_why, change) => {
  const tracing = await startTracing({ ...OPTIONS, ...change });
  expect(tracing.tracer).toBe(nullRequestTracer);
  expect(tracing.counts()).toEqual({ open: 0, unclosed: 0, doubleEnds: 0, lateStarts: 0, dropped: 0 });
  await tracing.shutdown();
});

test("the null tracer passes an inbound header on, runs work, and never complains", () => {
  const header = { traceparent: "anything", tracestate: "a=b" };
  const root = nullRequestTracer.startRequest("r1", header);
  const stage = root.stage("prefill");
  stage.record("kv_send", 1, 0);
  stage.event("x");
  stage.end();
  stage.end();
  expect(stage.header).toBe(header);
  expect(stage.run(() => 3)).toBe(3);
  expect(nullRequestTracer.continueRequest("prefill", undefined).header).toBeUndefined();
});

describe("the exporter's URL", () => {
  test.each([
    ["grpc", "http://collector:4317", "http://collector:4317/"],
    ["grpc", "collector:4317", "http://collector:4317/"],
    ["http/protobuf", "http://collector:4318", "http://collector:4318/v1/traces"],
    ["http/protobuf", "https://collector/otlp/", "https://collector/otlp/v1/traces"],
    ["http/protobuf", "http://collector:4318/v1/traces", "http://collector:4318/v1/traces"],
    ["http/protobuf", "http://collector:4318/v1/traces/?key=1", "http://collector:4318/v1/traces?key=1"],
  ] as const)("over %s of %s is %s", (protocol, endpoint, url) => {
    expect(otlpUrl(endpoint, protocol)).toBe(url);
  });

  test.each(["", "http://", "ftp://collector"])('"%s" is refused with its value', (endpoint) => {
    expect(() => otlpUrl(endpoint, "grpc")).toThrow(`Cannot export traces to "${endpoint}"`);
  });
});
