/**
 * `baton up`: a whole cluster on this machine, from nothing to a line that says it is ready, until Ctrl-C.
 *
 *   U1  Every way out stops every process first.
 *   U2  SIGINT, SIGTERM and SIGHUP end it with exit code 0; repeated signals change nothing (a terminal's Ctrl-C
 *       arrives several times through npm).
 */
import { fileURLToPath } from "node:url";
import { configOrExit } from "@baton/config";
import { BatonError, systemClock } from "@baton/core";
import { EXIT_CODE } from "@baton/lifecycle";
import { LocalCluster } from "./local-cluster.ts";
import { prepareForServing } from "./prepare-model.ts";
import { reachableUrl } from "./reachable-url.ts";
import { waitUntilReady } from "./readiness.ts";
import { createServicePlan } from "./service-plan.ts";
import type { SupervisorContext } from "./supervised-service.ts";
import { type UpConfig, upSettings } from "./up-settings.ts";

const SERVICES = fileURLToPath(new URL("../../../../services", import.meta.url));
const STOP_SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Runs until it is told to stop, or cannot go on; resolves with the exit code. */
export async function up(argv: readonly string[]): Promise<number> {
  const config = configOrExit(upSettings, argv);
  const stop = stopSignal();
  const cluster = new LocalCluster(createServicePlan(config, SERVICES), supervisorContext(config));
  const stopped = new Promise<number>((resolve) => {
    stop.addEventListener("abort", () => {
      print("Stopping");
      resolve(EXIT_CODE.ok);
    });
  });
  try {
    return await Promise.race([stopped, cluster.failed, serve(cluster, config, stop)]);
  } catch (error) {
    process.stderr.write(`${BatonError.from(error).message}\n`);
    return EXIT_CODE.failed;
  } finally {
    await cluster.stop();
  }
}

/** Brings the cluster up and says so; never resolves. */
async function serve(cluster: LocalCluster, config: UpConfig, stop: AbortSignal): Promise<never> {
  const model = await prepareForServing(config, print);
  if (!stop.aborted) {
    print("Starting the router and the workers");
    const url = reachableUrl(config.host, await cluster.start(config.port));
    if (await waitUntilReady(url, stop)) announce(url, model, config);
  }
  return new Promise(() => {});
}

/** The two lines a newcomer waits for: where it is, and what to paste. */
function announce(url: string, model: string, { apiKeys }: UpConfig): void {
  const key = apiKeys === undefined ? "" : " -H 'authorization: Bearer <one of BATON_API_KEYS>'";
  const body = {
    model,
    messages: [{ role: "user", content: "Hello" }],
    max_tokens: 100,
  };
  print(`baton is ready on ${url}`);
  print("");
  print(
    `curl ${url}/v1/chat/completions -H 'content-type: application/json'${key} -d '${JSON.stringify(body)}'`,
  );
  print("");
}

function stopSignal(): AbortSignal {
  const controller = new AbortController();
  for (const signal of STOP_SIGNALS) process.on(signal, () => controller.abort());
  return controller.signal;
}

function supervisorContext({ verbose }: UpConfig): SupervisorContext {
  return {
    clock: systemClock,
    after: (ms, run) => {
      const timer = setTimeout(run, ms);
      return () => clearTimeout(timer);
    },
    random: Math.random,
    print,
    verbose,
  };
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
