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
  ...modelSettings,
  ...tracingSettings,
  ...loggingSettings,
});
