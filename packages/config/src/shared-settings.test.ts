import { fileURLToPath } from "node:url";
import { describe, expect, test } from "@jest/globals";
import { ConfigError } from "./config-error.ts";
import { defineSettings } from "./define-settings.ts";
import { describeSettings } from "./describe-settings.ts";
import { formatHelp } from "./format-help.ts";
import { readConfig } from "./read-config.ts";
import { loggingSettings, modelSettings, tracingSettings, workerSettings } from "./shared-settings.ts";

const definition = defineSettings("worker", {
  ...modelSettings,
  ...workerSettings,
  ...tracingSettings,
  ...loggingSettings,
});

describe("the shared groups", () => {
  test("have the documented defaults", () => {
    const config = readConfig(definition, { argv: [], env: { HOME: "/home/ada" } });
    expect(config).toMatchObject({
      model: "demo",
      weights: "int8",
      cacheFolder: "/home/ada/.cache/baton",
      host: "127.0.0.1",
      grpcPort: 0,
      registryAddress: "127.0.0.1:8001",
      kvMemory: 268_435_456,
      blockSize: 16,
      chunkTokens: 256,
      maxRunning: 16,
      maxSequences: 1024,
      threads: 1,
      drainTimeoutMs: 3000,
      traceLevel: 3,
      otlpProtocol: "grpc",
      traceStore: 200,
      otlpScheduleDelayMs: 500,
      otlpMaxExportBatchSize: 64,
    });
    expect(config.workerId).toMatch(/-\d+$/);
    expect(config.otlpEndpoint).toBeUndefined();
    expect(config.kvSecret).toBeUndefined();
  });

  test.each(["redis://h", "rediss://u:p@h:1/2", "redis-cluster://a:1,b:2", "rediss-sentinel://a/main"])(
    "take %s as a place in Redis",
    (url) => expect(readConfig(definition, { argv: [], env: { BATON_REDIS_URL: url } }).redisUrl).toBe(url),
  );

  test("never print what was given as a place in Redis", () => {
    const read = () => readConfig(definition, { argv: ["--redis", "http://ada:hunter2@h"], env: {} });
    expect(read).toThrow("redis://127.0.0.1:6379");
    expect(read).not.toThrow("hunter2");
  });

  test("keep the cache below XDG_CACHE_HOME where that is set", () => {
    const env = { HOME: "/home/ada", XDG_CACHE_HOME: "/var/cache/ada" };
    expect(readConfig(definition, { argv: [], env }).cacheFolder).toBe("/var/cache/ada/baton");
  });

  test("take several modules, and a share of requests", () => {
    const env = { OTEL_TRACES_SAMPLER: "traceidratio", OTEL_TRACES_SAMPLER_ARG: "0.25" };
    const config = readConfig(definition, { argv: ["--trace-modules", "request, engine"], env });
    expect(config).toMatchObject({
      traceModules: ["request", "engine"],
      tracesSampler: "traceidratio",
      tracesSamplerArg: 0.25,
    });
  });

  test.each([
    [["--trace-level", "4"], {}],
    [["--trace-modules", "request,mooncake"], {}],
    [["--otlp-protocol", "http/json"], {}],
    [["--otlp-endpoint", "collector:4317"], {}],
    [[], { OTEL_TRACES_SAMPLER: "jaeger_remote" }],
    [[], { OTEL_TRACES_SAMPLER_ARG: "1.5" }],
    [[], { BATON_OTLP_EXPORTER_MAX_EXPORT_BATCH_SIZE: "0" }],
  ])("refuse %j %j at the start", (argv, env: Record<string, string>) => {
    expect(() => readConfig(definition, { argv, env })).toThrow(ConfigError);
  });

  test("prefer the variable for traces to the one for all signals", () => {
    const env = {
      OTEL_EXPORTER_OTLP_ENDPOINT: "http://all:4317",
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "http://traces:4317",
      OTEL_EXPORTER_OTLP_PROTOCOL: "http/protobuf",
    };
    expect(readConfig(definition, { argv: [], env })).toMatchObject({
      otlpEndpoint: "http://traces:4317",
      otlpProtocol: "http/protobuf",
    });
  });
});

describe("formatHelp and describeSettings", () => {
  const help = formatHelp(definition);

  test("list every setting with its flag, variables and default", () => {
    for (const { flag, env, default: fallback } of describeSettings(definition)) {
      for (const part of [flag, ...env]) if (part !== undefined) expect(help).toContain(part);
      if (fallback !== undefined) expect(help.replace(/\s+/g, " ")).toContain(`default ${fallback}`);
    }
  });

  test("explain each trace level on a line of its own", () => {
    expect(help).toMatch(/^ {28}0 nothing$/m);
    expect(help).toMatch(/^ {28}3 everything/m);
  });

  test("keep to 100 columns", () => {
    for (const line of help.split("\n")) expect(line.length).toBeLessThanOrEqual(100);
  });

  test("describe a setting as a row for a document", () => {
    expect(describeSettings(definition).find(({ name }) => name === "kvMemory")).toEqual({
      name: "kvMemory",
      flag: "--kv-memory",
      short: undefined,
      env: ["BATON_KV_MEMORY"],
      default: "256MiB",
      accepts: 'bytes, for example "256MiB" (units B, KiB, MiB, GiB)',
      doc: "Memory for KV: blocks, and the pages of sequences that decode",
    });
  });
});

describe("the files of OTLP's TLS", () => {
  const read = (env: Record<string, string>) =>
    readConfig(definition, { argv: [], env: { HOME: "/home/ada", ...env } });

  test("are taken where they can be read", () => {
    const file = fileURLToPath(import.meta.url);
    expect(read({ OTEL_EXPORTER_OTLP_CERTIFICATE: file }).otlpCertificate).toBe(file);
  });

  test.each([
    [
      "OTEL_EXPORTER_OTLP_CERTIFICATE",
      "/nowhere/ca.pem",
      'the file "/nowhere/ca.pem" cannot be read (ENOENT)',
    ],
    ["OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE", "/nowhere/ca.pem", "cannot be read (ENOENT)"],
    ["OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", "/", '"/" is no file'],
    ["OTEL_EXPORTER_OTLP_CLIENT_KEY", "/nowhere/key.pem", "cannot be read (ENOENT)"],
  ])("are one clear error where they cannot: %s=%s", (variable, file, problem) => {
    expect(() => read({ [variable]: file })).toThrow(ConfigError);
    expect(() => read({ [variable]: file })).toThrow(variable);
    expect(() => read({ [variable]: file })).toThrow(problem);
  });
});
