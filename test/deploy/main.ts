/**
 * Runs the stack of deploy/docker-compose.yml under a real Docker engine and checks what users and operators rely on:
 * `deploy/test/run [--no-build]`. Needs no network once the base images are there.
 */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { checkTrace, type ExportedSpan, formatTree, processOf } from "@baton/tracing";
import { eventually } from "../support/eventually.ts";
import { queriesOf } from "../support/observability-queries.ts";
import { startOtlpReceiver } from "../support/otlp-receiver.ts";
import { collect, post } from "../support/sse.ts";
import { docker } from "./commands.ts";
import { openPorts, PORTS, violations } from "./containment.ts";
import { underLoad } from "./load.ts";
import { allGood, say, step } from "./report.ts";
import { type Container, Stack } from "./stack.ts";
import { usageOf } from "./usage.ts";

const MIB = 2 ** 20;
const MAX_IMAGE_MIB = 180;
const MAX_READY_SECONDS = 20;
const IDLE_SECONDS = 15;
const MAX_IDLE_CPU_PERCENT = 2;
const SERVICES = ["gateway", "router", "prefill-worker", "decode-worker"];
/** Those that say how they are in metrics. */
const PROCESSES = ["router", "prefill-worker", "decode-worker"];

const images = {
  base: process.env.NODE_IMAGE ?? "node:24-bookworm-slim",
  version: process.env.BATON_VERSION ?? "dev",
};
const receiver = await startOtlpReceiver({ protocol: "grpc", host: "0.0.0.0" });
const stack = await Stack.create({
  COMPOSE_PROFILES: "",
  OTEL_LOGS_EXPORTER: "none", // The receiver takes traces.
  OTEL_EXPORTER_OTLP_ENDPOINT: `http://otel-collector:${new URL(receiver.grpcEndpoint).port}`,
});

await main();
if (!allGood())
  say(await stack.compose("logs", "--no-color", "--tail", "40").catch(() => "There are no logs"));
await step("stops, and leaves no container, network or volume behind", async () => {
  await stack[Symbol.asyncDispose]();
  assert.deepEqual(await stack.leftovers(), []);
});
await receiver.stop();
process.exitCode = allGood() ? 0 : 1;

async function main(): Promise<void> {
  await step("has compose files that Compose accepts", checkFiles);
  if (!process.argv.includes("--no-build")) {
    await step("builds an image per service", async () => {
      await stack.compose("build", ...SERVICES);
    });
  }
  await step(`images are at most ${MAX_IMAGE_MIB} MiB larger than their base`, checkImageSizes);
  await step(`is ready within ${MAX_READY_SECONDS} s`, start);
  await step("answers through the published port, streamed or not", checkAnswers);
  await step("exports one connected tree across containers", checkOneTree);
  await step("listens where it should, and nowhere else", checkPorts);
  await step("takes admin calls on their own port, with their key", checkAdmin);
  await step("contains every container", checkContainment);
  await step(`idles below ${MAX_IDLE_CPU_PERCENT} % of a processor per container`, checkIdle);
  await step("scales prefill to three, which register themselves", scalePrefill);
  await step("ends the work of a client that leaves", leaveStream);
  await step("drains a decode worker that is told to stop", checkDrain);
  await step("survives the loss of a decode worker in mid-stream", loseDecodeWorker);
  await step("waits for a router that crashed", loseRouter);
  await step("has Redis with its password, and without any file", checkRedis);
  await step("answers every request while Redis restarts", restartRedis);
  await step("answers every request while each service is replaced, one after the other", rollEverything);
  await step("serves over mutual TLS, and refuses a worker without a certificate", checkTls);
  await step(
    "has Prometheus scrape every process, evaluate every alert and answer every panel",
    checkPrometheus,
  );
}

/** With every profile, with TLS and without. */
async function checkFiles(): Promise<void> {
  for (const overlays of [[], ["docker-compose.tls.yml"]]) {
    await stack.composeWith(overlays, "config", "--quiet");
  }
}

async function checkImageSizes(): Promise<string> {
  const size = async (image: string) =>
    Number(await docker("image", "inspect", "--format", "{{.Size}}", image)) / MIB;
  const base = await size(images.base);
  const added = await Promise.all(
    SERVICES.map(
      async (service) => [service, (await size(`baton/${service}:${images.version}`)) - base] as const,
    ),
  );
  for (const [service, mib] of added) assert.ok(mib <= MAX_IMAGE_MIB, `${service} adds ${mib} MiB`);
  return added.map(([service, mib]) => `${service} +${mib.toFixed(0)} MiB`).join(", ");
}

async function start(): Promise<string> {
  const startedAt = performance.now();
  await stack.compose("up", "--detach", "--no-build", ...SERVICES);
  await stack.ready();
  const seconds = (performance.now() - startedAt) / 1000;
  assert.ok(seconds < MAX_READY_SECONDS, `It took ${seconds} s`);
  return `${(await stack.containers()).length} containers`;
}

function ask(body: Record<string, unknown>, headers: Record<string, string> = {}) {
  const request = {
    model: "baton-demo",
    prompt: `${randomUUID()} tells`,
    max_tokens: 8,
    ignore_eos: true,
    temperature: 0,
    ...body,
  };
  return post(`${stack.url}/v1/completions`, request, headers);
}

async function checkAnswers(): Promise<void> {
  const whole = await collect(await ask({}));
  assert.equal(JSON.parse(whole[0]!).usage.completion_tokens, 8);
  const streamed = await collect(await ask({ stream: true }));
  assert.equal(streamed.at(-1), "[DONE]");
}

async function checkOneTree(): Promise<string> {
  const id = randomUUID();
  await collect(await ask({}, { "x-request-id": id }));
  const traceOf = (spans: readonly ExportedSpan[]) => {
    const root = spans.find(({ name }) => name === `Req ${id}`);
    return root ? spans.filter(({ traceId }) => traceId === root.traceId) : [];
  };
  const servicesOf = (spans: readonly ExportedSpan[]) =>
    [...new Set(spans.map(({ resource }) => resource["service.name"]))].sort().join();
  await receiver.waitFor((spans) => {
    const trace = traceOf(spans);
    return (
      servicesOf(trace) === "baton-decode-worker,baton-prefill-worker,baton-router" &&
      checkTrace(trace, { outcome: "success" }).length === 0
    );
  });
  const trace = traceOf(receiver.spans());
  const processes = new Set(trace.map(processOf));
  assert.equal(processes.size, 3, formatTree(trace));
  return `${trace.length} spans of ${processes.size} containers`;
}

async function checkPorts(): Promise<void> {
  for (const container of await stack.containers()) {
    assert.deepEqual(await openPorts(container), PORTS[container.service], container.service);
  }
  const published = await docker(
    "ps",
    "--filter",
    `label=com.docker.compose.project=${stack.project}`,
    "--format",
    "{{.Ports}}",
  );
  const bindings = [...published.matchAll(/\S+->\d+/g)].map(([binding]) => binding);
  const expected = [`${new URL(stack.url).host}->8000`, `${new URL(stack.adminUrl).host}->8005`];
  assert.deepEqual(bindings.sort(), expected.sort());
}

/** Only with its key, and only there. */
async function checkAdmin(): Promise<void> {
  const key = (await readFile(new URL("../../deploy/secrets/admin-key", import.meta.url), "utf8")).trim();
  const headers = { authorization: `Bearer ${key}` };
  const status = async (url: string, init = {}) => (await fetch(`${url}/workers`, init)).status;
  assert.equal(await status(stack.adminUrl, { headers }), 200);
  assert.equal(await status(stack.adminUrl), 401);
  assert.equal(await status(stack.url, { headers }), 403);
}

async function checkContainment(): Promise<void> {
  const found = await Promise.all((await stack.containers()).map(violations));
  assert.deepEqual(found.flat(), []);
}

async function checkIdle(): Promise<string> {
  const containers = await stack.containers();
  const before = await Promise.all(containers.map(usageOf));
  await new Promise((resolve) => setTimeout(resolve, IDLE_SECONDS * 1000));
  const after = await Promise.all(containers.map(usageOf));
  const usages = containers.map(({ service }, index) => {
    const seconds = after[index]!.processorSeconds - before[index]!.processorSeconds;
    return { service, percent: (seconds / IDLE_SECONDS) * 100, mib: after[index]!.memoryBytes / MIB };
  });
  const figures = usages.map(
    ({ service, percent, mib }) => `${service} ${percent.toFixed(1)} % ${mib.toFixed(0)} MiB`,
  );
  const worst = Math.max(...usages.map(({ percent }) => percent));
  assert.ok(worst < MAX_IDLE_CPU_PERCENT, figures.join(", "));
  return figures.sort().join(", ");
}

async function servingWorkers(role: string): Promise<number> {
  const workers = await stack.metric("baton_router_workers");
  const [, count = 0] =
    [...workers].find(
      ([labels]) => labels.includes(`worker_role="${role}"`) && labels.includes('state="serving"'),
    ) ?? [];
  return count;
}

async function scalePrefill(): Promise<void> {
  await stack.compose(
    "up",
    "--detach",
    "--no-build",
    "--no-recreate",
    "--scale",
    "prefill-worker=3",
    ...SERVICES,
  );
  await eventually("three prefill workers serve", async () => (await servingWorkers("prefill")) === 3);
  await checkAnswers();
}

/** Starts a long stream; resolves when tokens come, with the container that writes them. */
async function longStream(maxTokens: number) {
  const stream = await ask({ stream: true, max_tokens: maxTokens });
  const events = stream.events[Symbol.asyncIterator]();
  const first = await events.next();
  const running = await stack.metric("baton_router_worker_requests");
  const containers = await stack.containers("decode-worker");
  const writer = containers.find(({ hostname }) =>
    [...running].some(([labels, count]) => count > 0 && labels.includes(`worker="${hostname}-`)),
  );
  assert.ok(writer, `No decode worker is busy: ${JSON.stringify([...running])}`);
  const rest = async () => {
    const all = [first.value as string];
    for (let next = await events.next(); !next.done; next = await events.next()) all.push(next.value);
    return all;
  };
  return { writer, rest, leave: stream.leave };
}

/** Through the gateway, too. The stream would go on for several seconds. */
async function leaveStream(): Promise<void> {
  const { leave } = await longStream(4000);
  leave();
  await eventually(
    "no worker is busy",
    async () => [...(await stack.metric("baton_router_worker_requests")).values()].every((n) => n === 0),
    { timeoutMs: 2000 },
  );
}

async function checkDrain(): Promise<string> {
  const { writer, rest } = await longStream(2000);
  const stopped = docker("stop", "--time", "40", writer.id);
  const events = await rest();
  assert.equal(events.at(-1), "[DONE]", events.at(-1));
  await stopped;
  const exit = await docker("inspect", "--format", "{{.State.ExitCode}}", writer.id);
  assert.equal(exit, "0");
  await docker("start", writer.id);
  await stack.ready();
  return `${events.length} events after SIGTERM`;
}

async function loseDecodeWorker(): Promise<string> {
  const { writer, rest } = await longStream(4000);
  await crash(writer);
  const events = await rest();
  assert.equal(events.at(-1), "[DONE]", events.at(-1));
  await checkAnswers();
  await eventually("the worker is back", async () => (await servingWorkers("decode")) === 2, {
    timeoutMs: 30_000,
  });
  return "the stream went on";
}

/** The gateway finds nobody and tries again until there is somebody. */
async function loseRouter(): Promise<void> {
  const [router] = await stack.containers("router");
  await crash(router!);
  await eventually("the engine restarts it", async () => {
    return (await docker("inspect", "--format", "{{.RestartCount}}", router!.id)) === "1";
  });
  await checkAnswers();
  await stack.ready();
}

/** As a crash would end it, not as an operator: the service is killed, and the engine restarts the container. */
async function crash({ id }: Container): Promise<void> {
  await docker("exec", id, "sh", "-c", "kill -KILL $(cat /proc/1/task/1/children)");
}

async function checkRedis(): Promise<void> {
  const [redis] = await stack.containers("redis");
  assert.ok(redis);
  const ping = (password: string) =>
    docker(
      "exec",
      redis.id,
      "sh",
      "-c",
      `REDISCLI_AUTH=${password} redis-cli ping 2>&1; redis-cli config get save`,
    );
  assert.match(await ping('"$(cat /run/secrets/redis-password)"'), /^PONG/);
  assert.match(await ping("wrong"), /NOAUTH|WRONGPASS/);
  assert.deepEqual(await violations(redis), []);
  assert.deepEqual(await openPorts(redis), PORTS.redis);
}

/** Routers go on with the workers that they know, and hear of new ones again once Redis is back. */
async function restartRedis(): Promise<string> {
  const answered = await underLoad(stack.url, async () => {
    await stack.roll("redis");
    await stack.ready();
  });
  await restartDecodeWorker();
  return `${answered} answers`;
}

/** Takes a worker away and waits until it serves again, as another one. */
async function restartDecodeWorker(): Promise<void> {
  const [worker] = await stack.containers("decode-worker");
  await docker("restart", "--time", "40", worker!.id);
  await stack.ready();
  await eventually("all workers serve", async () => (await servingWorkers("decode")) === 2, {
    timeoutMs: 30_000,
  });
}

async function rollEverything(): Promise<string> {
  const before = await stack.containers();
  const answered = await underLoad(stack.url, () => stack.roll());
  const after = await stack.containers();
  const kept = before.filter(({ id }) => after.some((container) => container.id === id));
  assert.deepEqual(kept.map(({ service }) => service).sort(), ["gateway", "redis"]);
  assert.equal(after.length, before.length);
  return `${answered} answers`;
}

/** The overlay is put on the running stack, and one worker more is started without it. */
async function checkTls(): Promise<void> {
  await stack.composeWith(["docker-compose.tls.yml"], "up", "--detach", "--no-build", ...SERVICES);
  await stack.ready();
  await checkAnswers();
  await checkOneTree();
  const stranger = (await stack.compose("run", "--detach", "--no-deps", "decode-worker")).trim();
  await eventually("the router refuses it", async () =>
    (await stack.compose("logs", "--no-color", "router")).includes("it speaks no TLS"),
  );
  await checkAnswers();
  await docker("rm", "--force", stranger);
  await stack.compose("up", "--detach", "--no-build", ...SERVICES);
  await stack.ready();
}

async function checkPrometheus(): Promise<string> {
  await stack.compose("up", "--detach", "prometheus");
  await stack.ready();
  const [prometheus] = await stack.containers("prometheus");
  assert.ok(prometheus);
  assert.deepEqual(await violations(prometheus), []);
  assert.deepEqual(await openPorts(prometheus), PORTS.prometheus);
  /** How many series a query finds. */
  const count = async (query: string) => {
    const ask = ["promtool", "query", "instant", "http://127.0.0.1:9090", query];
    return (await docker("exec", prometheus.id, ...ask)).split("\n").filter((line) => line !== "").length;
  };
  const patient = { timeoutMs: 60_000, intervalMs: 500 };
  const processes = (await Promise.all(PROCESSES.map((service) => stack.containers(service)))).flat().length;
  await eventually(
    "every process is scraped",
    async () => (await count('up{job="baton"} == 1')) === processes,
    patient,
  );
  const rounds = "prometheus_rule_group_iterations_total >= 1";
  await eventually("alerts are evaluated", async () => (await count(rounds)) === 1, patient);
  assert.equal(await count("prometheus_rule_evaluation_failures_total > 0"), 0);
  const panels = queriesOf("expr");
  for (const { text } of panels) await count(text.replaceAll("$__rate_interval", "1m"));
  return `${processes} targets, ${panels.length} queries of dashboards`;
}
