import {
  defineSettings,
  loggingSettings,
  modelSettings,
  setting,
  tracingSettings,
  workerSettings,
} from "@baton/config";

/** Settings of the prefill worker. */
export const settings = defineSettings("prefill-worker", {
  ...workerSettings,
  kvPort: setting.port({
    flag: "kv-port",
    env: "BATON_KV_PORT",
    default: 0,
    doc: "port that decode workers fetch KV from; 0 picks a free one",
  }),
  ...modelSettings,
  ...tracingSettings,
  ...loggingSettings,
});
