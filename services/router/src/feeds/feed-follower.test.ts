/** A follower against real gRPC servers whose feeds are scripted by the test. */
import { BatonError, type FeedUpdate, type LoadReport, silentLogger, type WorkerRecord } from "@baton/core";
import { createMetrics } from "@baton/metrics";
import { parseExposition } from "@baton/metrics/testing";
import { workerRecord } from "@baton/registry/testing";
import { blockNames, KvIndex } from "@baton/routing";
import { createFeedClient, createRpcServer, type FollowCall, type RpcServer } from "@baton/rpc";
import { describe, expect, test } from "@jest/globals";
import { eventually } from "../testing/eventually.ts";
import { FeedFollower } from "./feed-follower.ts";
import { FeedSink } from "./feed-sink.ts";

const LOAD: LoadReport = { waitingTokens: 7, usedBlocks: 1, runningSequences: 1, waitingSequences: 0 };
const PROMPT = [11n, 12n, 13n, 14n];

function bytesOf(names: readonly bigint[]): Uint8Array {
  return new Uint8Array(BigUint64Array.from(names).buffer);
}
function snapshot(number: number, names: readonly bigint[]): FeedUpdate {
  return { kind: "snapshot", number, blocks: bytesOf(names), final: true };
}
function stored(firstNumber: number, ...names: readonly bigint[]): FeedUpdate {
  return { kind: "events", firstNumber, events: [{ kind: "stored", blocks: bytesOf(names) }], waitedMs: 1 };
}

/** What one call is told; it stays open until its router leaves, unless the script ends it. */
type Script = (call: FollowCall) => AsyncIterable<FeedUpdate> | Iterable<FeedUpdate>;

/** A worker whose calls are answered by one script after the other, the last one again and again. */
class ScriptedWorker implements AsyncDisposable {
  readonly record: WorkerRecord;
  calls = 0;
  readonly #server: RpcServer;

  private constructor(server: RpcServer, record: WorkerRecord) {
    this.#server = server;
    this.record = record;
  }

  static async start(scripts: readonly Script[], port = 0): Promise<ScriptedWorker> {
    const server = createRpcServer({ logger: silentLogger });
    let worker: ScriptedWorker | undefined;
    server.addFeed({
      async *follow(call) {
        const script = scripts[Math.min(worker!.calls++, scripts.length - 1)]!;
        yield* script(call);
      },
    });
    const bound = await server.listen("127.0.0.1", port);
    worker = new ScriptedWorker(server, workerRecord({ grpcAddress: `127.0.0.1:${bound.port}` }));
    return worker;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown(0);
  }
}

/** Tells these updates and waits for the router to leave. */
function telling(...updates: readonly FeedUpdate[]): Script {
  return async function* tell({ signal }) {
    yield* updates;
    if (!signal.aborted) {
      await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
    }
  };
}

/** Tells these updates and fails. */
function failing(...updates: readonly FeedUpdate[]): Script {
  return function* tell() {
    yield* updates;
    throw new BatonError("unavailable", "a test");
  };
}

/** A router's side: index, reports and figures, with one follower. */
class Router implements AsyncDisposable {
  readonly index = new KvIndex();
  readonly metrics = createMetrics("router");
  report: LoadReport | undefined;
  unheard = 0;
  readonly #follower: FeedFollower;
  readonly #client;
  readonly #record: WorkerRecord;

  constructor(record: WorkerRecord) {
    this.#record = record;
    this.index.setWorkers([record]);
    this.#client = createFeedClient(record.grpcAddress);
    const watch = {
      reported: (_: WorkerRecord, report: LoadReport) => {
        this.report = report;
      },
      unheard: () => {
        this.report = undefined;
        this.unheard++;
      },
    };
    const sink = new FeedSink({ kvIndex: this.index, watch, metrics: this.metrics });
    this.#follower = new FeedFollower({ worker: record, client: this.#client, sink, logger: silentLogger });
  }

  get following(): boolean {
    return this.#follower.following;
  }

  overlap(): number {
    return this.index.find(blockNames(PROMPT), 0).of(this.#record).promptBlocks;
  }

  /** Snapshots by reason. */
  async snapshots(): Promise<Record<string, number>> {
    const { samples } = parseExposition((await this.metrics.expose()).body);
    const of = samples.filter(({ name }) => name === "baton_router_feed_snapshots_total");
    return Object.fromEntries(of.map(({ labels, value }) => [labels.kind, value]));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#follower.leave();
    await this.#follower.ended;
    this.#client.close();
  }
}

describe("FeedFollower", () => {
  test("takes in snapshot, events and load, and leaves when it is closed", async () => {
    const update = telling({ kind: "load", load: LOAD }, snapshot(5, [11n, 12n]), stored(6, 13n));
    await using worker = await ScriptedWorker.start([update]);
    const router = new Router(worker.record);
    await eventually(() => router.overlap() === 3);
    expect(router.report).toEqual(LOAD);
    expect(router.following).toBe(true);
    await router[Symbol.asyncDispose]();
    expect(router.report).toBeUndefined();
    expect(worker.calls).toBe(1);
  });

  test("a gap asks for a snapshot with another call, and what was known stays known until it has come", async () => {
    const release = Promise.withResolvers<void>();
    await using worker = await ScriptedWorker.start([
      telling(snapshot(5, [11n, 12n]), stored(7, 13n)),
      async function* held(call) {
        await release.promise;
        yield* telling(snapshot(9, PROMPT))(call);
      },
    ]);
    await using router = new Router(worker.record);
    await eventually(() => worker.calls === 2);
    expect(router.overlap()).toBe(2);
    release.resolve();
    await eventually(() => router.overlap() === 4);
    expect(await router.snapshots()).toEqual({ first: 1, gap: 1 });
  });

  test("a lost feed is sought again; meanwhile there is no report, and the cache stays known", async () => {
    const release = Promise.withResolvers<void>();
    await using worker = await ScriptedWorker.start([
      failing({ kind: "load", load: LOAD }, snapshot(1, [11n])),
      failing(),
      async function* held(call) {
        await release.promise;
        yield* telling({ kind: "load", load: LOAD }, snapshot(3, [11n, 12n]))(call);
      },
    ]);
    await using router = new Router(worker.record);
    await eventually(() => worker.calls === 3);
    expect(router.unheard).toBe(2);
    expect([router.report, router.following, router.overlap()]).toEqual([undefined, false, 1]);
    release.resolve();
    await eventually(() => router.overlap() === 2);
    expect(router.report).toEqual(LOAD);
    expect(await router.snapshots()).toEqual({ first: 1, reconnected: 1 });
  });

  test("a worker whose server went away and came back is found again", async () => {
    const before = await ScriptedWorker.start([telling(snapshot(1, [11n]))]);
    await using router = new Router(before.record);
    await eventually(() => router.overlap() === 1);
    await before[Symbol.asyncDispose]();
    await eventually(() => router.unheard > 0);
    const port = Number(before.record.grpcAddress.split(":")[1]);
    await using _after = await ScriptedWorker.start([telling(snapshot(2, PROMPT))], port);
    await eventually(() => router.overlap() === 4);
  });

  test("snapshots within a call are those of a router that was too slow", async () => {
    await using worker = await ScriptedWorker.start([telling(snapshot(1, [11n]), snapshot(4, PROMPT))]);
    await using router = new Router(worker.record);
    await eventually(() => router.overlap() === 4);
    expect(await router.snapshots()).toEqual({ first: 1, overflow: 1 });
  });
});
