import { readConfig } from "@baton/config";
import { describe, expect, test } from "@jest/globals";
import { createServicePlan } from "./service-plan.ts";
import { upSettings } from "./up-settings.ts";

function planFor(...argv: readonly string[]) {
  return createServicePlan(readConfig(upSettings, { argv, env: { HOME: "/home/ada" } }), "/baton/services");
}

const shared = [
  ...["--model", "demo", "--weights", "int8", "--cache-folder", "/home/ada/.cache/baton"],
  ...["--trace-level", "3", "--trace-modules", "request", "--trace-store", "200", "--otlp-protocol", "grpc"],
];

describe("createServicePlan", () => {
  test("gives the router its ports and what all services share", () => {
    expect(planFor().router({ http: 8000, registry: 0 })).toEqual({
      name: "router",
      script: "/baton/services/router/src/main.ts",
      args: ["--host", "127.0.0.1", "--port", "8000", "--registry-port", "0", ...shared],
    });
  });

  test("names and numbers the workers and tells them the registry", () => {
    const workers = planFor("--prefill", "2").workers("127.0.0.1:4000");
    expect(workers.map(({ name, script }) => [name, script])).toEqual([
      ["prefill-0", "/baton/services/prefill-worker/src/main.ts"],
      ["prefill-1", "/baton/services/prefill-worker/src/main.ts"],
      ["decode-0", "/baton/services/decode-worker/src/main.ts"],
    ]);
    expect(workers[1]?.args).toEqual(["--worker-id", "prefill-1", "--registry", "127.0.0.1:4000", ...shared]);
  });

  test("starts aggregated decode workers alone in aggregated mode", () => {
    const workers = planFor("--mode", "aggregated", "--decode=2").workers("127.0.0.1:4000");
    expect(workers.map(({ name }) => name)).toEqual(["decode-0", "decode-1"]);
    expect(workers[0]?.args.join(" ")).toContain("--role aggregated");
  });

  test("tells every service that no traces are kept", () => {
    const plan = planFor("--trace-store", "off");
    for (const { args } of [plan.router({ http: 0, registry: 0 }), ...plan.workers("127.0.0.1:4000")]) {
      expect(args.join(" ")).toContain("--trace-store off");
    }
  });

  test("passes the endpoint of the collector only where there is one", () => {
    const [worker] = planFor("--otlp-endpoint", "http://tempo:4317").workers("127.0.0.1:4000");
    expect(worker?.args.slice(-2)).toEqual(["--otlp-endpoint", "http://tempo:4317"]);
  });
});
