import { type ConfigOf, defineSettings, modelSettings, setting, tracingSettings } from "@baton/config";

/** Settings of `baton up`. Workers and router read the rest of theirs from the environment. */
export const upSettings = defineSettings("baton up", {
  port: setting.port({
    flag: "port",
    env: "BATON_HTTP_PORT",
    default: 8000,
    doc: "Port of the API; 0 picks a free one",
  }),
  host: setting.text({
    flag: "host",
    env: "BATON_HTTP_HOST",
    default: "127.0.0.1",
    doc: "Address that the API listens on",
  }),
  apiKeys: setting.secret({
    env: "BATON_API_KEYS",
    doc: "Keys that clients of the API need, separated by commas; see the router's settings for their limits",
  }),
  ...modelSettings,
  prefill: setting.integer({
    flag: "prefill",
    env: "BATON_PREFILL_WORKERS",
    min: 1,
    max: 64,
    default: 1,
    doc: "Prefill workers; none are started in aggregated mode",
  }),
  decode: setting.integer({
    flag: "decode",
    env: "BATON_DECODE_WORKERS",
    min: 1,
    max: 64,
    default: 1,
    doc: "Decode workers",
  }),
  mode: setting.choice({
    flag: "mode",
    env: "BATON_MODE",
    choices: ["disaggregated", "aggregated"],
    default: "disaggregated",
    doc: "disaggregated splits prefill and decode; aggregated lets each decode worker do both",
  }),
  ...tracingSettings,
  verbose: setting.toggle({
    flag: "verbose",
    env: "BATON_VERBOSE",
    doc: "Show every log line of the services, not only warnings and errors",
  }),
});

/** What `baton up` was told. */
export type UpConfig = ConfigOf<typeof upSettings>;
