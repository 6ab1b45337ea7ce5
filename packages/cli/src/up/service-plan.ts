/** Which processes `baton up` starts and with which arguments: pure functions of its configuration. */
import { join } from "node:path";
import type { UpConfig } from "./up-settings.ts";

/** One process to run. */
export interface ServiceSpec {
  /** Names it to people, and to the cluster: "router", "prefill-0". */
  readonly name: string;
  /** Its main module, an absolute path. */
  readonly script: string;
  readonly args: readonly string[];
}

/** Ports of the router. 0 lets it pick; a restarted router is given the ones it had. */
export interface RouterPorts {
  readonly http: number;
  readonly registry: number;
}

/** The processes of a cluster. */
export interface ServicePlan {
  router(ports: RouterPorts): ServiceSpec;
  /** Workers that announce themselves at `registry` (`host:port`). */
  workers(registry: string): readonly ServiceSpec[];
}

/** @param services folder that holds the services' packages. */
export function createServicePlan(config: UpConfig, services: string): ServicePlan {
  const spec = (name: string, service: string, args: readonly string[]): ServiceSpec => ({
    name,
    script: join(services, service, "src/main.ts"),
    args: [...args, ...sharedArguments(config)],
  });
  return {
    router: ({ http, registry }) =>
      spec("router", "router", [
        ...["--host", config.host],
        ...["--port", `${http}`],
        ...["--registry-port", `${registry}`],
      ]),
    workers: (registry) =>
      workerNames(config).map(({ name, service, role }) =>
        spec(name, service, ["--worker-id", name, "--registry", registry, ...role]),
      ),
  };
}

function workerNames({ mode, prefill, decode }: UpConfig) {
  const aggregated = mode === "aggregated";
  const role = ["--role", aggregated ? "aggregated" : "decode"];
  return [
    ...numbered("prefill", aggregated ? 0 : prefill).map((name) => ({
      name,
      service: "prefill-worker",
      role: [],
    })),
    ...numbered("decode", decode).map((name) => ({ name, service: "decode-worker", role })),
  ];
}

/** What all processes are told alike. The rest of their settings reaches them through the environment. */
function sharedArguments(config: UpConfig): readonly string[] {
  return [
    ...["--model", config.model],
    ...["--weights", config.weights],
    ...["--cache-folder", config.cacheFolder],
    ...["--trace-level", `${config.traceLevel}`],
    ...["--trace-modules", config.traceModules.join(",")],
    ...["--trace-store", config.traceStore === 0 ? "off" : `${config.traceStore}`],
    ...["--otlp-protocol", config.otlpProtocol],
    ...(config.otlpEndpoint === undefined ? [] : ["--otlp-endpoint", config.otlpEndpoint]),
  ];
}

function numbered(prefix: string, count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => `${prefix}-${index}`);
}
