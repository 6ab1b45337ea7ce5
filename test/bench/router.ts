/**
 * What the router costs: time added to a request, requests per second on one processor, memory per running request.
 *
 *     npm run bench -- router [--level 3] [--seconds 10] [--pause 0] [--only overhead,saturation,memory,profile]
 *
 * `--pause` is the time between tokens in ms; with 0 the tokens of an answer come together, and go out in one system call.
 */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { hashModel } from "@baton/model";
import { BABBLE_MODEL, ensureBabbleCheckpoint } from "@baton/model/testing";
import { Cluster, TEST_CACHE } from "../support/cluster.ts";
import { eventually } from "../support/eventually.ts";
import { ServiceProcess } from "../support/service-process.ts";
import { type Bench, type Measurement, percentile, summarize } from "./bench.ts";
import { processorMs } from "./process-time.ts";
import { readCollections, TELL_COLLECTIONS } from "./router/collections.ts";
import { DirectClient } from "./router/direct.ts";
import { canPin, pin, pinMainThread } from "./router/pinning.ts";
import { readProfile } from "./router/profile.ts";
import { RawClient, type Timing } from "./router/raw-client.ts";

/** What is varied: both as on the command line. */
interface Load {
  readonly level: string;
  /** Ms between tokens. */
  readonly pause: string;
}

type Report = (measurement: Measurement) => void;

/** The router's processor, and everybody else's. */
const [ROUTER_CPU, OTHERS_CPU] = [0, 1];
const RATE = 200;
const TURN_SECONDS = 5;
/** A turn begins after idle seconds, and what these cost is told by itself. */
const FIRST_SECONDS = 1;
/** Workers that collect no garbage while they are measured: a request's tail would be theirs. */
const LARGE_YOUNG_GENERATION = ["--min-semi-space-size=256", "--max-semi-space-size=256"];
const TOKENS = 8;
const PARTS = ["overhead", "saturation", "memory", "profile"];

export const bench: Bench = {
  question: `What does the router add to a request of ${TOKENS} tokens, how many a second can one processor route, and where does its time go?`,
  notMeasured:
    "TLS, several routers, long prompts, clients on other machines; workers answer at once and hand over no KV (but for the memory)",

  async run(report, args) {
    const { values } = parseArgs({
      args: [...args],
      options: {
        level: { type: "string", default: "3" },
        seconds: { type: "string", default: "10" },
        pause: { type: "string", default: "0" },
        only: { type: "string", default: PARTS.join() },
      },
    });
    const load = { level: values.level, pause: values.pause };
    const seconds = Number(values.seconds);
    const parts = new Set(values.only.split(","));
    const pinned = canPin();
    if (!pinned)
      process.stderr.write("The router has no processor of its own: taskset or a second one is missing\n");
    if (parts.has("overhead")) await overhead(report, load, seconds, pinned);
    if (parts.has("saturation")) await saturation(report, load, seconds, pinned);
    if (parts.has("profile")) await profile(report, load, seconds);
    if (parts.has("memory")) await memory(report, load.level);
  },
};

function describe({ level, pause }: Load): string {
  return pause === "0" ? `level ${level}` : `level ${level}, a token every ${pause} ms`;
}

function body(index: number): string {
  const prompt = `${index} is a number with a story`;
  return JSON.stringify({ model: BABBLE_MODEL, prompt, max_tokens: TOKENS, temperature: 0, stream: true });
}

/** Requests at a steady rate, by turns straight to the workers and through the router. */
async function overhead(report: Report, load: Load, seconds: number, pinned: boolean): Promise<void> {
  await using instant = await startInstant(load);
  const router = instant.cluster.process("router");
  if (pinned) {
    pinMainThread(router.child.pid!, ROUTER_CPU);
    pin([process.pid, instant.worker.child.pid!], OTHERS_CPU);
  }
  const { prefill, decode } = instant.worker.addresses as { prefill: string; decode: string };
  using direct = new DirectClient({ prefill, decode, kv: "127.0.0.1:1" });
  using pool = new ClientPool(router.addresses.http!);
  const promptIds = (index: number) => [...Buffer.from(JSON.parse(body(index)).prompt as string)];
  const through = (index: number) => pool.stream(body(index));
  const straight = (index: number) => direct.generate(promptIds(index), TOKENS);
  // A process that has not run for long compiles while it runs, and all three do.
  await closedLoop(router.addresses.http!, 16, 6);
  await openLoop(through, 2);
  await openLoop(straight, 4);
  const [first, steady]: [Turn[], Turn[]] = [[], []];
  const take = async (send: (index: number) => Promise<Timing>) => {
    const early = openLoop(send, FIRST_SECONDS);
    await sleep(FIRST_SECONDS * 1000);
    await readCollections(router.child);
    const late = await openLoop(send, TURN_SECONDS);
    return { early: await early, late, collections: await readCollections(router.child) };
  };
  for (let left = seconds; left > 0; left -= TURN_SECONDS) {
    const direct = await take(straight);
    const routed = await take(through);
    first.push({ direct: direct.early, routed: routed.early });
    steady.push({ direct: direct.late, routed: routed.late });
    reportCollections(report, describe(load), routed.collections);
  }
  const of = `${RATE} requests/s, ${describe(load)}`;
  reportTurns(report, of, "first token", steady, (one) => one.firstTokenAt - one.startedAt);
  reportTurns(report, of, "whole request", steady, (one) => one.endedAt - one.startedAt);
  const after = `${of}, the first second after ${TURN_SECONDS + FIRST_SECONDS} idle ones`;
  reportTurns(report, after, "whole request", first, (one) => one.endedAt - one.startedAt);
}

/** What holds up every request that comes meanwhile. */
function reportCollections(report: Report, load: string, durations: readonly number[]): void {
  const say = (metric: string, value: number) =>
    report({ case: `${RATE} requests/s, ${load}`, contender: "router", metric, value, unit: "ms" });
  say(
    "garbage collections in 5 s",
    durations.reduce((sum, one) => sum + one, 0),
  );
  say("the longest of them", Math.max(0, ...durations));
}

/** The same load without the router, and then with it. */
interface Turn {
  readonly direct: readonly Timing[];
  readonly routed: readonly Timing[];
}

/** Of every figure the median over the turns: what else the machine does in one of them is not the router's. */
function reportTurns(
  report: Report,
  what: string,
  metric: string,
  turns: readonly Turn[],
  of: (one: Timing) => number,
): void {
  const say = (contender: string, name: string, values: readonly number[]) =>
    report({ case: what, contender, metric: `${metric} ${name}`, ...summarize(values), unit: "ms" });
  const direct = turns.map((turn) => turn.direct.map(of));
  const routed = turns.map((turn) => turn.routed.map(of));
  const means = direct.map((some) => some.reduce((sum, one) => sum + one, 0) / some.length);
  say("direct", "mean", means);
  for (const p of [50, 99]) {
    const added = routed.map((some, turn) => percentile(some, p) - means[turn]!);
    say(
      "direct",
      `p${p}`,
      direct.map((some) => percentile(some, p)),
    );
    say(
      "through the router",
      `p${p}`,
      routed.map((some) => percentile(some, p)),
    );
    say("added", `p${p} − mean of direct`, added);
    const tails = routed.map((some, turn) => percentile(some, p) - percentile(direct[turn]!, p));
    say("added", `p${p} − p${p} of direct`, tails);
  }
}

/** Starts a request every 1/RATE seconds, whether or not the last ones have ended. */
async function openLoop(send: (index: number) => Promise<Timing>, seconds: number): Promise<Timing[]> {
  const startedAt = performance.now();
  const sent: Promise<Timing>[] = [];
  for (let index = 0; index < RATE * seconds; index++) {
    const wait = startedAt + (index * 1000) / RATE - performance.now();
    if (wait > 0) await sleep(wait);
    sent.push(send(index));
  }
  return Promise.all(sent);
}

/** Connections that wait for their next request. */
class ClientPool implements Disposable {
  readonly #address: string;
  readonly #idle: RawClient[] = [];
  readonly #all: RawClient[] = [];

  constructor(address: string) {
    this.#address = address;
  }

  async stream(text: string): Promise<Timing> {
    let client = this.#idle.pop();
    while (client && !client.isOpen) client = this.#idle.pop();
    client ??= await this.#connect();
    const timing = await client.stream(text);
    this.#idle.push(client);
    return timing;
  }

  [Symbol.dispose](): void {
    for (const client of this.#all) client[Symbol.dispose]();
  }

  async #connect(): Promise<RawClient> {
    const client = await RawClient.connect(this.#address);
    this.#all.push(client);
    return client;
  }
}

/** A router with workers that answer at once, so that nothing else is the limit. */
async function startInstant({ level, pause }: Load, env: Readonly<Record<string, string>> = {}) {
  const stack = new AsyncDisposableStack();
  const routerArgs = ["--trace-level", level, "--max-inflight", "4096"];
  const cluster = stack.use(
    await Cluster.start({ prefill: 0, decode: 0, routerArgs, env, nodeFlags: TELL_COLLECTIONS }),
  );
  const hash = await hashModel(await ensureBabbleCheckpoint(TEST_CACHE), "fp32");
  const program = fileURLToPath(new URL("./router/instant-worker.ts", import.meta.url));
  const registry = cluster.process("router").addresses.grpc!;
  const worker = await ServiceProcess.start(
    program,
    [registry, BABBLE_MODEL, hash, pause],
    {},
    LARGE_YOUNG_GENERATION,
  );
  stack.defer(async () => void (await worker.end()));
  await cluster.ready();
  return { cluster, worker, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

/** As many requests as go through: a fixed number of clients that wait for their answers. */
async function closedLoop(address: string, clients: number, seconds: number): Promise<Timing[]> {
  const until = performance.now() + seconds * 1000;
  const timings: Timing[] = [];
  let index = 0;
  const play = async () => {
    using client = await RawClient.connect(address);
    while (performance.now() < until) timings.push(await client.stream(body(index++)));
  };
  await Promise.all(Array.from({ length: clients }, play));
  return timings;
}

async function saturation(report: Report, load: Load, seconds: number, pinned: boolean): Promise<void> {
  await using instant = await startInstant(load);
  const router = instant.cluster.process("router");
  if (pinned) {
    pin([router.child.pid!], ROUTER_CPU);
    pin([process.pid, instant.worker.child.pid!], OTHERS_CPU);
  }
  const address = router.addresses.http!;
  await closedLoop(address, 32, 4);
  for (const clients of [32, 128]) {
    const before = processorMs([router.child.pid!]);
    const othersBefore = processorMs([process.pid, instant.worker.child.pid!]);
    const startedAt = performance.now();
    const timings = await closedLoop(address, clients, seconds);
    const elapsed = performance.now() - startedAt;
    const busy = processorMs([router.child.pid!]) - before;
    const latencies = timings.map((one) => one.endedAt - one.startedAt);
    const say = (metric: string, value: number, unit: string) =>
      report({ case: `${clients} clients, ${describe(load)}`, contender: "router", metric, value, unit });
    say("requests/s", (timings.length * 1000) / elapsed, "1/s");
    say("processor per request", busy / timings.length, "ms");
    say("processor used", (100 * busy) / elapsed, "%");
    const others = processorMs([process.pid, instant.worker.child.pid!]) - othersBefore;
    say("processor that load and workers used", (100 * others) / elapsed, "%");
    for (const p of [50, 99]) say(`latency p${p}`, percentile(latencies, p), "ms");
  }
}

async function profile(report: Report, load: Load, seconds: number): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "baton-profile-"));
  try {
    let startedAt: number;
    {
      const env = { NODE_OPTIONS: `--cpu-prof --cpu-prof-dir=${folder}` };
      await using instant = await startInstant(load, env);
      const address = instant.cluster.process("router").addresses.http!;
      await closedLoop(address, 32, 2); // Compiles what it will run.
      startedAt = performance.now();
      await closedLoop(address, 32, seconds);
    }
    const { modules, functions } = await readProfile(folder, performance.now() - startedAt);
    const say = (metric: string, share: number) =>
      report({
        case: `profile, ${describe(load)}`,
        contender: "router",
        metric,
        value: 100 * share,
        unit: "% of busy time",
      });
    for (const [name, share] of modules.filter(([, share]) => share >= 0.01)) say(name, share);
    for (const [name, share] of functions.slice(0, 40))
      process.stderr.write(`${(100 * share).toFixed(1)} % ${name}\n`);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Streams that stay open, on workers that write a token every half second. */
async function memory(report: Report, level: string): Promise<void> {
  const running = 1000;
  await using cluster = await Cluster.start({
    routerArgs: ["--trace-level", level, "--max-inflight", "4096"],
    workerArgs: [
      "--engine",
      "mock",
      "--trace-level",
      level,
      "--max-running",
      "1024",
      "--max-sequences",
      "4096",
    ],
    prefillArgs: ["--mock-speedup", "1000"],
    decodeArgs: ["--mock-speedup", "0.01", "--mock-kv-blocks", "200000"],
  });
  const router = cluster.process("router");
  const address = router.addresses.http!;
  await closedLoop(address, 16, 3).catch(() => {});
  const before = await residentBytes(router.child.pid!);
  const text = JSON.stringify({ ...JSON.parse(body(1)), max_tokens: 2000 });
  const clients = await Promise.all(Array.from({ length: running }, () => RawClient.connect(address)));
  for (const client of clients) client.begin(text);
  await eventually("all streams have begun", async () => clients.every((client) => client.hasBegun), {
    timeoutMs: 60_000,
    intervalMs: 100,
  });
  await sleep(2000);
  const grown = (await residentBytes(router.child.pid!)) - before;
  report({
    case: `${running} running, level ${level}`,
    contender: "router",
    metric: "memory added",
    value: grown / 2 ** 20,
    unit: "MiB",
  });
  for (const client of clients) client[Symbol.dispose]();
}

async function residentBytes(pid: number): Promise<number> {
  return Number(/VmRSS:\s+(\d+) kB/.exec(await readFile(`/proc/${pid}/status`, "utf8"))![1]) * 1024;
}
