/** Groups of settings that several programs have; spread them into a definition. */
import { homedir, hostname } from "node:os";
import { join } from "node:path";
import { type Environment, setting } from "./setting.ts";

/** Where programs of this user cache. */
function userCache(env: Environment): string {
  return env.XDG_CACHE_HOME || join(env.HOME || homedir(), ".cache");
}

/** How much is traced and where traces go. The variables are OpenTelemetry's where it defines one. */
export const tracingSettings = {
  traceLevel: setting.choice({
    flag: "trace-level",
    env: "BATON_TRACE_LEVEL",
    choices: [0, 1, 2, 3],
    default: 3,
    doc: [
      "How much of a request is traced:",
      "0 nothing",
      "1 the request, and one span per process it touched",
      "2 the major stages as well",
      "3 everything: chunks, steps, candidates, events",
    ].join("\n"),
  }),
  traceModules: setting.choices({
    flag: "trace-modules",
    env: "BATON_TRACE_MODULES",
    choices: ["request", "engine", "kv_transfer", "routing"],
    default: ["request"],
    doc: [
      "What is traced, separated by commas:",
      "request      every request",
      "engine       each step of a worker's batch, linked to the requests that it served",
      "kv_transfer  KV connections and their frames, inside each request",
      "routing      what each candidate's cost is made of; workers that come and leave",
    ].join("\n"),
  }),
  tracesSampler: setting.choice({
    env: "OTEL_TRACES_SAMPLER",
    choices: [
      "always_on",
      "always_off",
      "traceidratio",
      "parentbased_always_on",
      "parentbased_always_off",
      "parentbased_traceidratio",
    ],
    default: "parentbased_always_on",
    doc: "Which requests are traced; the parentbased ones obey the client's traceparent where there is one",
  }),
  tracesSamplerArg: setting.ratio({
    env: "OTEL_TRACES_SAMPLER_ARG",
    default: 1,
    doc: "Share of requests that the traceidratio samplers take",
  }),
  semconvOptIn: setting.text({
    env: "OTEL_SEMCONV_STABILITY_OPT_IN",
    doc: "Attribute names in traces: rpc/dup also writes gRPC's old ones, gen_ai_latest_experimental leaves the old gen_ai ones out",
  }),
  otlpEndpoint: setting.url({
    flag: "otlp-endpoint",
    env: ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"],
    doc: "Collector that traces are sent to; none unless given",
  }),
  otlpProtocol: setting.choice({
    flag: "otlp-protocol",
    env: ["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"],
    choices: ["grpc", "http/protobuf"],
    default: "grpc",
    doc: "How traces are sent (grpc is usually on port 4317, http/protobuf on 4318)",
  }),
  otlpCertificate: setting.readableFile({
    env: ["OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE", "OTEL_EXPORTER_OTLP_CERTIFICATE"],
    doc: "Certificate of the authority that the collector's is trusted by",
  }),
  otlpClientCertificate: setting.readableFile({
    env: ["OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE", "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE"],
    doc: "Certificate that is shown to the collector",
  }),
  otlpClientKey: setting.readableFile({
    env: ["OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY", "OTEL_EXPORTER_OTLP_CLIENT_KEY"],
    doc: "Private key of that certificate",
  }),
  traceStore: setting.quota({
    flag: "trace-store",
    env: "BATON_TRACE_STORE",
    max: 100_000,
    default: 200,
    doc: 'Traces that the router keeps, for "baton trace"; off in all processes sends it none',
  }),
  serviceName: setting.text({
    env: "OTEL_SERVICE_NAME",
    doc: "Service name in traces, in place of the program's own",
  }),
  otlpScheduleDelayMs: setting.milliseconds({
    env: "BATON_OTLP_EXPORTER_SCHEDULE_DELAY_MILLIS",
    default: 500,
    doc: "Longest time that a finished span waits before it is sent, in ms",
  }),
  otlpMaxExportBatchSize: setting.integer({
    env: "BATON_OTLP_EXPORTER_MAX_EXPORT_BATCH_SIZE",
    min: 1,
    max: 2048,
    default: 64,
    doc: "Most spans sent at once",
  }),
} as const;

/** What is logged. */
export const loggingSettings = {
  logLevel: setting.choice({
    flag: "log-level",
    env: "BATON_LOG_LEVEL",
    choices: ["debug", "info", "warn", "error", "silent"],
    default: "info",
    doc: "Least severe log lines that are written",
  }),
  logsExporter: setting.choice({
    env: "OTEL_LOGS_EXPORTER",
    choices: ["none", "otlp"],
    default: "none",
    doc: "otlp sends log lines to the collector of traces as well; they are on stdout in any case",
  }),
} as const;

/** Which model is served. */
export const modelSettings = {
  model: setting.text({
    flag: "model",
    env: "BATON_MODEL",
    default: "demo",
    doc: 'Folder of a model in Hugging Face layout, "org/name" or "org/name@revision" on the hub, or "demo" for the built-in one',
  }),
  hubUrl: setting.url({
    env: "HF_ENDPOINT",
    default: "https://huggingface.co",
    doc: "The hub that models are downloaded from",
  }),
  hubToken: setting.secret({ env: "HF_TOKEN", doc: "Access to private and gated models of the hub" }),
  hubCache: setting.folder({
    env: ["HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"],
    default: {
      shown: "~/.cache/huggingface/hub (or below HF_HOME, XDG_CACHE_HOME)",
      from: (env) => join(env.HF_HOME || join(userCache(env), "huggingface"), "hub"),
    },
    doc: "Folder for models of the hub, shared with other programs",
  }),
  hubOffline: setting.toggle({
    env: "HF_HUB_OFFLINE",
    doc: "Use the models in that folder, and download none",
  }),
  weights: setting.choice({
    flag: "weights",
    env: "BATON_WEIGHTS",
    choices: ["fp32", "int8", "int4"],
    default: "int8",
    doc: "Precision of the weights; the same for the router and all workers of a cluster",
  }),
  cacheFolder: setting.folder({
    flag: "cache-folder",
    env: "BATON_CACHE",
    default: {
      shown: "~/.cache/baton (or below XDG_CACHE_HOME)",
      from: (env) => join(userCache(env), "baton"),
    },
    doc: "Folder for compiled models; safe to delete",
  }),
} as const;

/** Where workers and routers find each other, when that is not the one router's own registry. */
export const registrySettings = {
  heartbeatMs: setting.milliseconds({
    flag: "heartbeat-ms",
    env: "BATON_HEARTBEAT_MS",
    default: 2000,
    doc: "How often workers announce themselves, in ms; one that is silent for three of these is dropped. The router's counts, or with Redis that of all routers and workers alike",
  }),
  redisUrl: setting.secretUrl({
    flag: "redis",
    env: "BATON_REDIS_URL",
    schemes: ["", "-cluster", "-sentinel"].flatMap((form) => [`redis${form}`, `rediss${form}`]),
    example: "redis://127.0.0.1:6379",
    doc: "Redis that several routers and their workers meet in, instead of in one router's registry; a password belongs in the variable, as flags show in process lists",
  }),
  redisPassword: setting.secret({
    env: "BATON_REDIS_PASSWORD",
    doc: "Password for that Redis, where its URL has none",
  }),
  redisNamespace: setting.text({
    flag: "redis-namespace",
    env: "BATON_REDIS_NAMESPACE",
    default: "baton",
    doc: "Prefix of what a cluster keeps in Redis, so that several can share one",
  }),
} as const;

/** Which engine computes, and what a mock one pretends to be. */
const engineSettings = {
  engine: setting.choice({
    flag: "engine",
    env: "BATON_ENGINE",
    choices: ["onnx", "mock"],
    default: "onnx",
    doc: "mock replaces the model by a timing model and predictable tokens, to test a cluster at scale",
  }),
  mockSpeedup: setting.decimal({
    flag: "mock-speedup",
    env: "BATON_MOCK_SPEEDUP",
    min: 0.001,
    max: 1_000_000,
    default: 1,
    doc: "How many times faster than its timing model a mock runs",
  }),
  mockSeed: setting.integer({
    flag: "mock-seed",
    env: "BATON_MOCK_SEED",
    min: 0,
    max: 2 ** 32 - 1,
    default: 0,
    doc: "What a mock's tokens depend on besides the prompt; the same for all workers of a cluster",
  }),
  mockContextTokens: setting.integer({
    flag: "mock-context-tokens",
    env: "BATON_MOCK_CONTEXT_TOKENS",
    min: 1,
    max: 2 ** 24,
    default: 131_072,
    doc: "Longest prompt plus answer of a mock, whatever the model's is",
  }),
  mockKvBlocks: setting.integer({
    flag: "mock-kv-blocks",
    env: "BATON_MOCK_KV_BLOCKS",
    min: 1,
    max: 2 ** 24,
    default: 16_384,
    doc: "KV blocks of a mock, in place of --kv-memory; while it decodes, its batch holds as many tokens again",
  }),
} as const;

/** How the processes of a cluster know each other. */
export const tlsSettings = {
  tlsCaFile: setting.file({
    flag: "tls-ca-file",
    env: "BATON_TLS_CA_FILE",
    doc: "Certificate authority of the cluster, as PEM. With it and the two below, everything between router and workers is encrypted, and each side asks the other for a certificate of this authority",
  }),
  tlsCertFile: setting.file({
    flag: "tls-cert-file",
    env: "BATON_TLS_CERT_FILE",
    doc: "Certificate of this process, as PEM, for servers and clients alike",
  }),
  tlsKeyFile: setting.file({
    flag: "tls-key-file",
    env: "BATON_TLS_KEY_FILE",
    doc: "Key of that certificate, as PEM without a passphrase",
  }),
  tlsServerName: setting.text({
    flag: "tls-server-name",
    env: "BATON_TLS_SERVER_NAME",
    doc: "Name that the certificates of the others must carry; unless given, the host under which each is reached",
  }),
} as const;

/** What every worker has, whatever its role. */
export const workerSettings = {
  ...registrySettings,
  ...tlsSettings,
  ...engineSettings,
  workerId: setting.text({
    flag: "worker-id",
    env: "BATON_WORKER_ID",
    default: { shown: "<host name>-<process id>", from: () => `${hostname()}-${process.pid}` },
    doc: "Name of this worker, unique in the cluster",
  }),
  host: setting.text({
    flag: "host",
    env: "BATON_WORKER_HOST",
    default: "127.0.0.1",
    doc: "Address to listen on",
  }),
  advertiseHost: setting.text({
    flag: "advertise-host",
    env: "BATON_ADVERTISE_HOST",
    doc: "Host under which others reach this worker; unless given the one it listens on, or this machine's name where that is 0.0.0.0",
  }),
  grpcPort: setting.port({
    flag: "grpc-port",
    env: "BATON_GRPC_PORT",
    default: 0,
    doc: "Port of the gRPC server; 0 picks a free one",
  }),
  metricsPort: setting.port({
    flag: "metrics-port",
    env: "BATON_METRICS_PORT",
    default: 0,
    doc: "Port of /metrics, /health and /liveness, on the address that the worker listens on; 0 picks a free one",
  }),
  registryAddress: setting.address({
    flag: "registry",
    env: "BATON_REGISTRY",
    default: "127.0.0.1:8001",
    doc: "The router's worker registry; with Redis, only the router that keeps this worker's traces",
  }),
  kvMemory: setting.bytes({
    flag: "kv-memory",
    env: "BATON_KV_MEMORY",
    default: 256 * 2 ** 20,
    doc: "Memory for KV: blocks, and the pages of sequences that decode",
  }),
  blockSize: setting.integer({
    flag: "block-size",
    env: "BATON_BLOCK_SIZE",
    min: 1,
    max: 1024,
    default: 16,
    doc: "Tokens of one KV block; the same for all workers of a cluster",
  }),
  chunkTokens: setting.integer({
    flag: "chunk-tokens",
    env: "BATON_CHUNK_TOKENS",
    min: 1,
    max: 65_536,
    default: 256,
    doc: "Most prompt tokens computed at once",
  }),
  maxRunning: setting.integer({
    flag: "max-running",
    env: "BATON_MAX_RUNNING",
    min: 1,
    max: 1024,
    default: 16,
    doc: "Sequences that decode together in one batch",
  }),
  maxSequences: setting.integer({
    flag: "max-sequences",
    env: "BATON_MAX_SEQUENCES",
    min: 1,
    max: 1_000_000,
    default: 1024,
    doc: "Sequences accepted and not yet finished; one more is refused",
  }),
  threads: setting.integer({
    flag: "threads",
    env: "BATON_THREADS",
    min: 1,
    max: 1024,
    default: 1,
    doc: "Processor threads of one model computation",
  }),
  drainTimeoutMs: setting.milliseconds({
    flag: "drain-timeout-ms",
    env: "BATON_DRAIN_TIMEOUT_MS",
    default: 3000,
    doc: "How long a stopping worker lets running requests end, in ms",
  }),
  kvSecret: setting.secret({
    env: "BATON_KV_SECRET",
    doc: "Shared secret of the KV connections; the same for all workers, no check without it",
  }),
} as const;
