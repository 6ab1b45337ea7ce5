/**
 * Must hold: a mixed run of many requests, with clients that leave, bad requests, deadlines, overload and workers that
 * are killed, leaves one connected tree for every request, and no span is lost without being counted.
 *
 * Requests go in rounds. After each, every trace must be there and keep the contract, and is then forgotten.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { checkTrace, type ExportedSpan, groupTraces, type Violation } from "@baton/tracing";
import type { Cluster } from "../../support/cluster.ts";
import { eventually } from "../../support/eventually.ts";
import { type OtlpReceiver, startOtlpReceiver } from "../../support/otlp-receiver.ts";
import { randomFrom } from "../../support/random.ts";
import { scrape, total } from "../../support/scrape.ts";
import { startWith } from "../../support/start-with.ts";
import { type Played, play } from "./client.ts";

export interface SoakOptions {
  readonly requests: number;
  /** Requests between two checks, with a kill in their midst; 400. */
  readonly roundSize?: number;
  /** Requests at once; 24. */
  readonly concurrency?: number;
  readonly seed?: number;
  /** Told after each round. */
  readonly onRound?: (report: SoakReport) => void;
}

export interface SoakReport {
  readonly requests: number;
  /** How many requests of each kind ended in which way. */
  readonly ends: Readonly<Record<string, number>>;
  /** Requests that the router counted. */
  readonly arrived: number;
  /** Requests without a trace whose client left: the router must not have counted them. */
  readonly neverArrived: number;
  /** Requests whose trace is one connected tree that keeps the contract. */
  readonly trees: number;
  readonly orphans: number;
  readonly spans: number;
  /** Spans that processes counted as dropped. */
  readonly dropped: number;
  readonly defects: number;
  readonly kills: number;
  /** What was wrong, per request; the first twenty. */
  readonly wrong: readonly string[];
}

const WORKERS = ["prefill-0", "decode-0", "prefill-1", "decode-1"];
/** What ended so short a time before its worker was killed may not have been exported yet, ms. */
const UNEXPORTED_MS = 2000;

/** Processes send what they have every 50 ms; after such a silence they have nothing more, ms. */
const QUIET_MS = 1000;
/** How long a client that was refused leaves the cluster alone, ms. */
const RETRY_AFTER_MS = 200;

export async function runSoak(options: SoakOptions): Promise<SoakReport> {
  await using soak = await Soak.start(options);
  return await soak.run();
}

class Soak implements AsyncDisposable {
  readonly #options: SoakOptions;
  readonly #cluster: Cluster;
  readonly #receiver: OtlpReceiver;
  readonly #random: () => number;
  readonly #kills: number[] = [];
  /** The last counts of each process that ever was. */
  readonly #counts = new Map<string, { dropped: number; defects: number }>();
  readonly #ends: Record<string, number> = {};
  readonly #wrong: string[] = [];
  #requests = 0;
  #trees = 0;
  #orphans = 0;
  #spans = 0;
  #arrived = 0;
  #neverArrived = 0;

  private constructor(options: SoakOptions, cluster: Cluster, receiver: OtlpReceiver) {
    this.#options = options;
    this.#cluster = cluster;
    this.#receiver = receiver;
    this.#random = randomFrom(options.seed ?? 1);
  }

  static async start(options: SoakOptions): Promise<Soak> {
    const receiver = await startOtlpReceiver({ protocol: "grpc" });
    const cluster = await startWith(receiver, {
      prefill: 2,
      decode: 2,
      otlp: { endpoint: receiver.grpcEndpoint, protocol: "grpc" },
      routerArgs: ["--request-timeout-ms", "4000", "--max-inflight", "20", "--max-queued", "3"],
      workerArgs: ["--chunk-tokens", "64"],
    });
    return new Soak(options, cluster, receiver);
  }

  async run(): Promise<SoakReport> {
    const { requests, roundSize = 400, onRound } = this.#options;
    while (this.#requests < requests) {
      const size = Math.min(roundSize, requests - this.#requests);
      this.#check(await this.#round(size));
      onRound?.(this.#report());
    }
    return this.#report();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#cluster[Symbol.asyncDispose]();
    await this.#receiver.stop();
  }

  /** Plays requests, kills a worker half way, and waits until all of it is over and exported. */
  async #round(size: number): Promise<readonly Played[]> {
    const played: Played[] = [];
    let started = 0;
    let restarted: Promise<void> | undefined;
    const client = async () => {
      while (started < size) {
        if (++started === Math.floor(size / 2)) restarted = this.#killAndRestart();
        const one = await play(this.#cluster.url, this.#random);
        played.push(one);
        if (one.refused) await sleep(RETRY_AFTER_MS);
      }
    };
    await Promise.all(Array.from({ length: this.#options.concurrency ?? 24 }, client));
    await restarted;
    await this.#cluster.ready();
    await this.#cluster.atRest();
    await this.#count();
    await this.#settled();
    return played;
  }

  async #killAndRestart(): Promise<void> {
    const worker = WORKERS[this.#kills.length % WORKERS.length]!;
    await this.#count();
    this.#kills.push(Date.now());
    await this.#cluster.end(worker, "SIGKILL");
    await this.#cluster.restart(worker);
  }

  async #count(): Promise<void> {
    for (const name of ["router", ...this.#cluster.workers]) {
      const figures = await scrape(this.#cluster, name);
      this.#counts.set(`${name} ${this.#cluster.process(name).child.pid}`, {
        dropped: total(figures, "baton_trace_spans_dropped_total"),
        defects: total(figures, "baton_trace_defects_total"),
      });
      if (name === "router") this.#arrived = total(figures, "baton_requests_total");
    }
  }

  /** Resolves once no more spans come: the last of a long trace are sent well after its first. */
  async #settled(): Promise<void> {
    let before = -1;
    await eventually(
      "the last spans of the round",
      async () => {
        const now = this.#receiver.spans().length;
        const quiet = now === before;
        before = now;
        return quiet;
      },
      { intervalMs: QUIET_MS, timeoutMs: 60_000 },
    );
  }

  #traces(): ReadonlyMap<string, readonly ExportedSpan[]> {
    const byRequest = new Map<string, readonly ExportedSpan[]>();
    for (const trace of groupTraces(this.#receiver.spans()).values()) {
      const root = trace.find(({ name }) => name.startsWith("Req "));
      byRequest.set(root?.name.slice("Req ".length) ?? trace[0]!.traceId, trace);
    }
    return byRequest;
  }

  #violations(
    { id, outcome, startedAt, endedAt }: Played,
    traces: ReadonlyMap<string, readonly ExportedSpan[]>,
  ): Violation[] {
    const nearKill = this.#kills.some((at) => startedAt <= at && at <= endedAt + UNEXPORTED_MS);
    const lostParts = outcome !== "success" || nearKill;
    const trace = traces.get(id) ?? [];
    const parts = new Set(trace.map(({ resource }) => resource["service.name"]));
    const violations = checkTrace(trace, { level: 3, lostParts, ...(outcome && { outcome }) });
    if (!lostParts && parts.size < 3)
      violations.push({
        kind: "empty",
        message: `Expected parts of three services, got ${[...parts].join()}`,
      });
    return violations;
  }

  #check(played: readonly Played[]): void {
    const traces = new Map(this.#traces());
    for (const one of played) {
      const violations = this.#violations(one, traces);
      const end = `${one.kind}: ${one.outcome ?? "left"}`;
      this.#ends[end] = (this.#ends[end] ?? 0) + 1;
      if (one.outcome === undefined && !traces.has(one.id)) this.#neverArrived += 1;
      else if (violations.length === 0) this.#trees += 1;
      else this.#note(`${one.id} (${end})`, violations);
      traces.delete(one.id);
    }
    for (const [id, trace] of traces) this.#note(id, checkTrace(trace));
    this.#requests += played.length;
    this.#spans += this.#receiver.spans().length;
    this.#receiver.clear();
  }

  #note(what: string, violations: readonly Violation[]): void {
    this.#orphans += violations.filter(({ kind }) => kind === "orphan").length;
    if (this.#wrong.length < 20)
      this.#wrong.push(`${what}: ${violations.map(({ message }) => message).join("; ")}`);
  }

  #report(): SoakReport {
    const counts = [...this.#counts.values()];
    return {
      requests: this.#requests,
      ends: { ...this.#ends },
      arrived: this.#arrived,
      neverArrived: this.#neverArrived,
      trees: this.#trees,
      orphans: this.#orphans,
      spans: this.#spans,
      dropped: counts.reduce((sum, { dropped }) => sum + dropped, 0),
      defects: counts.reduce((sum, { defects }) => sum + defects, 0),
      kills: this.#kills.length,
      wrong: [...this.#wrong],
    };
  }
}
