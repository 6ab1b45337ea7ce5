import { silentLogger } from "@baton/core";
import { describe, expect, test } from "@jest/globals";
import { nullRequestTracer } from "./null-request-tracer.ts";
import { otlpUrl } from "./otlp-exporter.ts";
import { startTracing, type TracingOptions } from "./sdk.ts";

const OPTIONS: TracingOptions = {
  serviceName: "router",
  instanceId: "router-0",
  version: "0",
  level: 3,
  endpoint: "http://127.0.0.1:4317",
  protocol: "grpc",
  logger: silentLogger,
};

test("without an endpoint nothing is traced, and nothing is loaded", async () => {
  const tracing = await startTracing({ ...OPTIONS, endpoint: undefined });
  expect(tracing.tracer).toBe(nullRequestTracer);
  expect(Object.values(tracing.counts()).every((count) => count === 0)).toBe(true);
  await tracing.shutdown();
});

test("without an endpoint stages are still timed for an observer, and headers pass unchanged", async () => {
  const heard: string[] = [];
  const observer = { stageEnded: (name: string) => void heard.push(name) };
  const { tracer, counts } = await startTracing({ ...OPTIONS, endpoint: undefined, observer });
  const header = {
    traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    tracestate: "a=b",
  };
  const root = tracer.startRequest("r1", header);
  tracer.level = 3;
  expect(tracer.level).toBe(0);
  root.stage("tokenize").end();
  expect(root.header).toEqual(header);
  root.end();
  expect(heard).toEqual(["tokenize"]);
  expect(counts()).toMatchObject({ open: 0, unclosed: 0 });
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
