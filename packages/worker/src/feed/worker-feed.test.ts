/** A worker's feed over real gRPC, over a real block pool that is changed by hand. */
import { blocksFor, type FeedUpdate, silentLogger, systemClock, type WorkerId, workerId } from "@baton/core";
import { BlockPool, hashTokens } from "@baton/kv-cache";
import { createFeedClient, createRpcServer, type FeedClient } from "@baton/rpc";
import { createScheduler } from "@baton/scheduler";
import { describe, expect, test } from "@jest/globals";
import { WorkerFeed } from "./worker-feed.ts";

const BLOCK_SIZE = 4;
const ID = workerId("prefill-0");

/** A worker without an engine: a pool, its feed and a server. */
class FeedingWorker implements AsyncDisposable {
  readonly pool: BlockPool;
  readonly feed: WorkerFeed;
  readonly #server = createRpcServer({ logger: silentLogger });
  readonly #clients: FeedClient[] = [];
  #address = "";

  constructor(blocks: number) {
    this.pool = new BlockPool({ blocks, blockSize: BLOCK_SIZE });
    const limits = {
      chunkTokens: 8,
      stepPrefillTokens: 8,
      maxRunning: 1,
      batchTokens: 8,
      pageTokens: 8,
      loadTokens: 8,
    };
    const scheduler = createScheduler({ ...limits, maxSequences: 1, maxModelTokens: 8 }, this.pool);
    const engine = { prefixCache: this.pool, status: () => scheduler.status() };
    this.feed = new WorkerFeed({ id: ID, epoch: "e1", blocks, engine, clock: systemClock });
    this.#server.addFeed(this.feed);
  }

  async start(): Promise<this> {
    this.#address = `127.0.0.1:${(await this.#server.listen("127.0.0.1", 0)).port}`;
    return this;
  }

  /** A router that reads when it is told to. */
  follow(signal: AbortSignal, id: WorkerId = ID, epoch = "e1"): AsyncIterator<FeedUpdate> {
    const client = createFeedClient(this.#address);
    this.#clients.push(client);
    return client.follow({ id, epoch }, { signal })[Symbol.asyncIterator]();
  }

  /** Computes a prompt and keeps it in the cache; what was least recently used goes. */
  compute(tokenIds: readonly number[]): void {
    const prompt = hashTokens(tokenIds, BLOCK_SIZE);
    const table = this.pool.allocate(
      blocksFor(tokenIds.length, BLOCK_SIZE),
      this.pool.lookup(prompt, tokenIds.length),
    );
    this.pool.retire(table, prompt, tokenIds.length);
  }

  shutdown(): Promise<void> {
    return this.#server.shutdown(0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.#clients) client.close();
    await this.shutdown();
  }
}

/** What a router makes of updates; fails when an event is missing. */
class Known {
  readonly names = new Set<bigint>();
  number = -1;
  #loading: bigint[] = [];

  apply(update: FeedUpdate): void {
    if (update.kind === "snapshot") this.#load(update);
    if (update.kind !== "events") return;
    expect(update.firstNumber).toBe(this.number + 1);
    this.number += update.events.length;
    for (const event of update.events) {
      if (event.kind === "cleared") this.names.clear();
      else for (const name of namesOf(event.blocks)) this.#change(event.kind, name);
    }
  }

  #change(kind: "stored" | "removed", name: bigint): void {
    if (kind === "stored") this.names.add(name);
    else this.names.delete(name);
  }

  #load({ number, blocks, final }: Extract<FeedUpdate, { kind: "snapshot" }>): void {
    this.#loading.push(...namesOf(blocks));
    if (!final) return;
    this.names.clear();
    for (const name of this.#loading) this.names.add(name);
    this.#loading = [];
    this.number = number;
  }
}

function namesOf(bytes: Uint8Array): BigUint64Array {
  return new BigUint64Array(Uint8Array.from(bytes).buffer);
}

/** Reads on until the router knows exactly what the pool can find. */
async function readUntilEqual(updates: AsyncIterator<FeedUpdate>, known: Known, pool: BlockPool) {
  const isEqual = () => {
    const names = [...pool.names()];
    return names.length === known.names.size && names.every((name) => known.names.has(name));
  };
  while (known.number < 0 || !isEqual()) {
    const { value, done } = await updates.next();
    expect(done).toBe(false);
    known.apply(value as FeedUpdate);
  }
}

/** Prompts that share beginnings, and repeat from run to run. */
function prompts(count: number, seed: number): number[][] {
  let state = seed;
  const next = (below: number) => {
    state = (state * 1103515245 + 12345) % 2 ** 31;
    return Math.floor(state / 7) % below;
  };
  return Array.from({ length: count }, () =>
    Array.from({ length: 1 + next(40) }, (_, at) => (at < 8 ? next(2) : next(50))),
  );
}

describe("WorkerFeed", () => {
  test("two routers that join at different times both know the cache, through evictions and a flush", async () => {
    await using worker = await new FeedingWorker(64).start();
    const leaving = new AbortController();
    const [early, late] = [new Known(), new Known()];
    const first = worker.follow(leaving.signal);
    await readUntilEqual(first, early, worker.pool);
    for (const prompt of prompts(200, 1)) worker.compute(prompt);
    await readUntilEqual(first, early, worker.pool);
    const second = worker.follow(leaving.signal);
    await readUntilEqual(second, late, worker.pool);
    expect(worker.pool.forgetCached()).toBeGreaterThan(0);
    await readUntilEqual(first, early, worker.pool);
    for (const prompt of prompts(200, 2)) worker.compute(prompt);
    await readUntilEqual(first, early, worker.pool);
    await readUntilEqual(second, late, worker.pool);
    expect(early.number).toBe(late.number);
    expect(worker.feed.followers).toBe(2);
    leaving.abort();
    await Promise.allSettled([first.next(), second.next()]);
    while (worker.feed.followers > 0) await new Promise((resolve) => setImmediate(resolve));
  });

  test("a router that stops reading costs bounded memory, and is given a snapshot when it reads again", async () => {
    await using worker = await new FeedingWorker(512).start();
    const leaving = new AbortController();
    const known = new Known();
    const updates = worker.follow(leaving.signal);
    await readUntilEqual(updates, known, worker.pool);
    let token = 0;
    while (worker.feed.overflows === 0) {
      for (let i = 0; i < 20; i++) worker.compute(Array.from({ length: 512 }, () => token++));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await readUntilEqual(updates, known, worker.pool);
    leaving.abort();
    await updates.next().catch(() => {});
  });

  test("another worker or epoch is refused, naming both", async () => {
    await using worker = await new FeedingWorker(8).start();
    const { signal } = new AbortController();
    await expect(worker.follow(signal, ID, "e0").next()).rejects.toMatchObject({
      code: "not_found",
      message: 'Cannot follow worker "prefill-0" of epoch "e0": this is "prefill-0" of epoch "e1"',
    });
    await expect(worker.follow(signal, workerId("other")).next()).rejects.toMatchObject({
      code: "not_found",
    });
    expect(worker.feed.followers).toBe(0);
  });

  test("ends well when the worker shuts down, and does not keep it from doing so", async () => {
    await using worker = await new FeedingWorker(8).start();
    const updates = worker.follow(new AbortController().signal);
    await readUntilEqual(updates, new Known(), worker.pool);
    const rest = (async () => {
      while (!(await updates.next()).done);
    })();
    await worker.shutdown();
    await rest;
    expect(worker.feed.followers).toBe(0);
  });
});
