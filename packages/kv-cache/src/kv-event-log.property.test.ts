// Followers of a pool, which know nothing but its events: whatever is done to the pool, each of them knows exactly what
// the pool can find, whether it followed from the start or joined by a snapshot later.

import { type BlockId, blocksFor, type KvCacheEvent } from "@baton/core";
import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { type HashedTokens, hashTokens } from "./block-hash.ts";
import { BlockPool } from "./block-pool.ts";
import { KvEventLog } from "./kv-event-log.ts";

const BLOCK_SIZE = 2;

/** Applies events and checks that no block comes before its parent or goes before its children. */
class Follower {
  readonly #held: Set<bigint>;
  readonly #parents: ReadonlyMap<bigint, bigint>;
  #number: number;

  constructor(names: Iterable<bigint>, number: number, parents: ReadonlyMap<bigint, bigint>) {
    this.#held = new Set(names);
    this.#number = number;
    this.#parents = parents;
  }

  apply(number: number, event: KvCacheEvent): void {
    expect(number).toBe(this.#number + 1);
    this.#number = number;
    if (event.kind === "cleared") this.#held.clear();
    else for (const name of namesOf(event.blocks)) this.#change(event.kind, name);
  }

  names(): bigint[] {
    return [...this.#held].sort();
  }

  #change(kind: "stored" | "removed", name: bigint): void {
    expect(this.#held.has(name)).toBe(kind === "removed");
    if (kind === "removed") {
      this.#held.delete(name);
      return;
    }
    const parent = this.#parents.get(name);
    expect(parent === undefined || this.#held.has(parent)).toBe(true);
    this.#held.add(name);
  }
}

class FollowedPool {
  readonly pool: BlockPool;
  readonly followers: Follower[] = [];
  readonly #parents = new Map<bigint, bigint>();
  readonly #held: { readonly prompt: HashedTokens; readonly table: readonly BlockId[] }[] = [];
  #pending = 0;
  readonly #log = new KvEventLog(() => {
    this.#pending++;
  });

  constructor(blocks: number) {
    this.pool = new BlockPool({ blocks, blockSize: BLOCK_SIZE });
    this.pool.observe(this.#log);
    this.join();
  }

  take(tokenIds: readonly number[]): void {
    const prompt = hashTokens(tokenIds, BLOCK_SIZE);
    prompt.sequenceHashes.forEach((name, i) => {
      if (i > 0) this.#parents.set(name, prompt.sequenceHashes[i - 1]!);
    });
    const shared = this.pool.lookup(prompt, tokenIds.length - 1);
    const count = blocksFor(tokenIds.length, BLOCK_SIZE);
    if (this.pool.canAllocate(count, shared)) {
      this.#held.push({ prompt, table: this.pool.allocate(count, shared) });
    }
  }

  giveBack(pick: number, finalTokens: number): void {
    const [held] = this.#held.splice(pick % Math.max(this.#held.length, 1), 1);
    if (held) this.pool.retire(held.table, held.prompt, Math.min(finalTokens, held.prompt.tokenIds.length));
  }

  /** A follower that is told everything from now on. */
  join(): void {
    this.tell();
    this.followers.push(new Follower(this.pool.names(), this.#log.number, this.#parents));
  }

  /** Tells all followers what has changed, and compares. */
  tell(): void {
    const batch = this.#log.take();
    expect(this.#pending).toBe(batch ? 1 : 0);
    this.#pending = 0;
    batch?.events.forEach((event, i) => {
      for (const follower of this.followers) follower.apply(batch.firstNumber + i, event);
    });
    for (const follower of this.followers) expect(follower.names()).toEqual([...this.pool.names()].sort());
  }
}

function namesOf(blocks: Uint8Array): BigUint64Array {
  return new BigUint64Array(blocks.slice().buffer);
}

const take = fc
  .array(fc.nat(1), { minLength: 1, maxLength: 12 })
  .map((ids) => (followed: FollowedPool) => followed.take(ids));
const giveBack = fc.tuple(fc.nat(), fc.nat(12)).map(
  ([pick, tokens]) =>
    (followed: FollowedPool) =>
      followed.giveBack(pick, tokens),
);
const flush = fc.constant((followed: FollowedPool) => followed.pool.forgetCached());
const tell = fc.constant((followed: FollowedPool) => followed.tell());
const join = fc.constant((followed: FollowedPool) => followed.join());
const actions = fc.array(
  fc.oneof(
    { weight: 8, arbitrary: take },
    { weight: 8, arbitrary: giveBack },
    { weight: 1, arbitrary: flush },
    { weight: 4, arbitrary: tell },
    { weight: 1, arbitrary: join },
  ),
  { maxLength: 200, size: "max" },
);

test("whatever is stored, evicted and flushed, every follower knows what the pool can find, in an order that never breaks a chain", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 12 }), actions, (blocks, steps) => {
      const followed = new FollowedPool(blocks);
      for (const step of steps) step(followed);
      followed.tell();
    }),
    { numRuns: 300 },
  );
});

test("events stay below the size of a message, and changes of one kind share one", () => {
  const log = new KvEventLog(() => {});
  for (let name = 0n; name < 5000n; name++) log.stored(name);
  log.removed(7n);
  log.cleared();
  log.stored(8n);
  const batch = log.take()!;
  const sizes = batch.events.map((event) => ("blocks" in event ? event.blocks.byteLength / 8 : 0));
  expect(batch.events.map(({ kind }) => kind)).toEqual(["stored", "stored", "removed", "cleared", "stored"]);
  expect(sizes).toEqual([4096, 904, 1, 0, 1]);
  expect(log.number).toBe(5);
  expect(log.take()).toBeUndefined();
});
