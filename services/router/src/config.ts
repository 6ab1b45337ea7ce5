/** Settings of the router. */
import { defineSettings, loggingSettings, modelSettings, setting, tracingSettings } from "@baton/config";
import { DEFAULT_RETRY_LIMITS } from "@baton/routing";

export const settings = defineSettings("router", {
  host: setting.text({
    flag: "host",
    env: "BATON_HTTP_HOST",
    default: "127.0.0.1",
    doc: "Address that the API listens on",
  }),
  port: setting.port({
    flag: "port",
    env: "BATON_HTTP_PORT",
    default: 8000,
    doc: "Port of the API; 0 picks a free one",
  }),
  registryHost: setting.text({
    flag: "registry-host",
    env: "BATON_REGISTRY_HOST",
    default: "127.0.0.1",
    doc: "Address that the worker registry listens on",
  }),
  registryPort: setting.port({
    flag: "registry-port",
    env: "BATON_REGISTRY_PORT",
    default: 8001,
    doc: "Port of the worker registry; 0 picks a free one",
  }),
  heartbeatMs: setting.milliseconds({
    flag: "heartbeat-ms",
    env: "BATON_HEARTBEAT_MS",
    default: 2000,
    doc: "How often workers announce themselves, in ms; one that is silent for three of these is dropped",
  }),
  requestTimeoutMs: setting.milliseconds({
    flag: "request-timeout-ms",
    env: "BATON_REQUEST_TIMEOUT_MS",
    default: 600_000,
    doc: "Longest time from a request's arrival to the end of its answer, in ms",
  }),
  maxBodyBytes: setting.bytes({
    flag: "max-body-bytes",
    env: "BATON_MAX_BODY_BYTES",
    default: 16 * 2 ** 20,
    doc: "Largest request body",
  }),
  maxInflight: setting.integer({
    flag: "max-inflight",
    env: "BATON_MAX_INFLIGHT",
    min: 1,
    max: 1_000_000,
    default: 1024,
    doc: "Requests worked on at once; more wait in order of arrival",
  }),
  maxQueued: setting.integer({
    flag: "max-queued",
    env: "BATON_MAX_QUEUED",
    min: 0,
    max: 1_000_000,
    default: 1024,
    doc: "Requests that wait for their turn; one more is refused with 429",
  }),
  retryLimit: setting.integer({
    flag: "retry-limit",
    env: "BATON_RETRY_LIMIT",
    min: 0,
    max: 100,
    default: DEFAULT_RETRY_LIMITS.maxAttempts - 1,
    doc: "How often a request that fails before its first token is tried again on other workers; 0 is never",
  }),
  retryBaseMs: setting.milliseconds({
    flag: "retry-base-ms",
    env: "BATON_RETRY_BASE_MS",
    default: DEFAULT_RETRY_LIMITS.baseMs,
    doc: "Longest pause before the first retry, in ms; doubles with each, and chance takes off up to half",
  }),
  retryMaxMs: setting.milliseconds({
    flag: "retry-max-ms",
    env: "BATON_RETRY_MAX_MS",
    default: DEFAULT_RETRY_LIMITS.maxMs,
    doc: "Longest pause before any retry, in ms",
  }),
  drainTimeoutMs: setting.milliseconds({
    flag: "drain-timeout-ms",
    env: "BATON_DRAIN_TIMEOUT_MS",
    default: 3000,
    doc: "How long a stopping router lets running requests end, in ms",
  }),
  traceOverrides: setting.choice({
    flag: "trace-overrides",
    env: "BATON_TRACE_OVERRIDES",
    choices: ["allow", "ignore"],
    default: "allow",
    doc: "Whether a request may choose its own trace level, by x-baton-trace-level or metadata.trace",
  }),
  traceContent: setting.toggle({
    flag: "trace-content",
    env: ["BATON_TRACE_CONTENT", "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"],
    doc: "Put prompts and answers into traces",
  }),
  ...modelSettings,
  ...tracingSettings,
  ...loggingSettings,
});
