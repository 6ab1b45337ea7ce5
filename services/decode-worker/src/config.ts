import {
  defineSettings,
  loggingSettings,
  modelSettings,
  setting,
  tracingSettings,
  workerSettings,
} from "@baton/config";

/** Settings of the decode worker. */
export const settings = defineSettings("decode-worker", {
  ...workerSettings,
  role: setting.choice({
    flag: "role",
    env: "BATON_ROLE",
    choices: ["decode", "aggregated"],
    default: "decode",
    doc: "decode continues from KV that prefill workers hand over; aggregated computes prompts itself too",
  }),
  kvDtype: setting.choice({
    flag: "kv-dtype",
    env: "BATON_KV_DTYPE",
    choices: ["fp32", "int8"],
    default: "fp32",
    doc: "Elements of the KV of running sequences; int8 takes a quarter of the memory and is read faster; the same for all workers that decode",
  }),
  ...modelSettings,
  ...tracingSettings,
  traceTokenInterval: setting.integer({
    flag: "trace-token-interval",
    env: "BATON_TRACE_TOKEN_INTERVAL",
    min: 1,
    max: 1_000_000,
    default: 16,
    doc: "After how many tokens each an event is put into the trace",
  }),
  ...loggingSettings,
});
