import { workerId } from "@baton/core";
import { describe, expect, test } from "@jest/globals";
import { type BlockNames, blockNames, blockNamesFromBytes } from "./block-names.ts";
import { KvIndex, type WorkerIdentity } from "./kv-index.ts";

const worker = (id: string, epoch = "e1"): WorkerIdentity => ({ id: workerId(id), epoch });
const a = worker("a");
const b = worker("b");

/** Names of blocks 0 … count-1 of one of many prompts. */
function prompt(seed: number, count: number): BlockNames {
  return blockNames(Array.from({ length: count }, (_, i) => BigInt(seed * 1000 + i) * 0x9e3779b97f4a7c15n));
}

const NONE = prompt(0, 0);

function indexOf(...workers: WorkerIdentity[]): KvIndex {
  const index = new KvIndex({
    speculative: { ttlMs: 100, maxBlocks: 1000 },
    approximate: { ttlMs: 10_000, maxBlocks: 1000 },
  });
  index.setWorkers(workers);
  return index;
}

/** A worker that has sent an empty snapshot: it reports. */
function reporting(...workers: WorkerIdentity[]): KvIndex {
  const index = indexOf(...workers);
  for (const each of workers) {
    index.apply(each, { kind: "snapshot", number: 0, blocks: NONE, final: true });
  }
  return index;
}

const blocksOn = (index: KvIndex, who: WorkerIdentity, names: BlockNames, now = 0) =>
  index.find(names, now).of(who).promptBlocks;

describe("KvIndex.find", () => {
  test("counts the leading blocks that each worker reported", () => {
    const index = reporting(a, b);
    index.apply(a, { kind: "stored", number: 1, blocks: prompt(1, 7) });
    index.apply(b, { kind: "stored", number: 1, blocks: prompt(1, 3) });
    const overlap = index.find(prompt(1, 5), 0);
    expect(overlap.of(a)).toMatchObject({ promptBlocks: 5, cacheBlocks: 7 });
    expect(overlap.of(b)).toMatchObject({ promptBlocks: 3, cacheBlocks: 3 });
    expect(overlap.of(worker("stranger"))).toMatchObject({ promptBlocks: 0, cacheBlocks: 0 });
  });

  test("finds nothing for a prompt without a full block", () => {
    const index = reporting(a);
    index.apply(a, { kind: "stored", number: 1, blocks: prompt(1, 2) });
    expect(blocksOn(index, a, NONE)).toBe(0);
  });

  test("keeps its answer when the index changes", () => {
    const index = reporting(a);
    index.apply(a, { kind: "stored", number: 1, blocks: prompt(1, 4) });
    const before = index.find(prompt(1, 4), 0);
    index.apply(a, { kind: "cleared", number: 2 });
    expect(before.of(a).promptBlocks).toBe(4);
    expect(blocksOn(index, a, prompt(1, 4))).toBe(0);
  });

  test("tells 200 workers apart", () => {
    const workers = Array.from({ length: 200 }, (_, i) => worker(`w${i}`));
    const index = reporting(...workers);
    workers.forEach((each, i) => {
      index.apply(each, { kind: "stored", number: 1, blocks: prompt(1, i) });
    });
    const overlap = index.find(prompt(1, 150), 0);
    expect(workers.map((each) => overlap.of(each).promptBlocks)).toEqual(
      workers.map((_, i) => Math.min(i, 150)),
    );
  });
});

describe("KvIndex.apply", () => {
  test("forgets removed and cleared blocks", () => {
    const index = reporting(a);
    index.apply(a, { kind: "stored", number: 1, blocks: prompt(1, 4) });
    index.apply(a, { kind: "removed", number: 2, blocks: prompt(1, 4).subarray(4) });
    expect(blocksOn(index, a, prompt(1, 4))).toBe(2);
    expect(index.reportedBlocks(a)).toBe(2);
    index.apply(a, { kind: "cleared", number: 3 });
    expect(index.reportedBlocks(a)).toBe(0);
    expect(index.find(prompt(1, 4), 0).of(a)).toEqual({ promptBlocks: 0, cacheBlocks: 0 });
  });

  test("asks for a snapshot once when events are missing, and goes on from it", () => {
    const index = reporting(a);
    index.apply(a, { kind: "stored", number: 1, blocks: prompt(1, 4) });
    const gap = index.apply(a, { kind: "stored", number: 3, blocks: prompt(2, 4) });
    expect(gap).toEqual({ kind: "resnapshot", why: "got event 3, expected 2" });
    expect(index.apply(a, { kind: "stored", number: 4, blocks: NONE }).kind).toBe("ignored");
    expect(blocksOn(index, a, prompt(1, 4))).toBe(4);
    index.apply(a, { kind: "snapshot", number: 9, blocks: prompt(3, 2), final: true });
    expect(blocksOn(index, a, prompt(1, 4))).toBe(0);
    expect(index.apply(a, { kind: "stored", number: 10, blocks: prompt(3, 4) }).kind).toBe("applied");
    expect(blocksOn(index, a, prompt(3, 4))).toBe(4);
  });

  test("keeps what it knew until the last part of a snapshot has come (F3)", () => {
    const index = reporting(a);
    index.apply(a, { kind: "stored", number: 1, blocks: prompt(1, 4) });
    index.apply(a, { kind: "snapshot", number: 5, blocks: prompt(2, 3), final: false });
    expect(blocksOn(index, a, prompt(1, 4))).toBe(4);
    expect(blocksOn(index, a, prompt(2, 3))).toBe(0);
    index.apply(a, { kind: "snapshot", number: 5, blocks: prompt(3, 3), final: true });
    expect([1, 2, 3].map((seed) => blocksOn(index, a, prompt(seed, 3)))).toEqual([0, 3, 3]);
  });

  test("drops the parts of a snapshot that another one overtook", () => {
    const index = reporting(a);
    index.apply(a, { kind: "snapshot", number: 5, blocks: prompt(2, 3), final: false });
    index.apply(a, { kind: "snapshot", number: 8, blocks: prompt(3, 3), final: true });
    expect([2, 3].map((seed) => blocksOn(index, a, prompt(seed, 3)))).toEqual([0, 3]);
  });

  test("ignores workers and epochs that are not in the view, and forgets those that leave it", () => {
    const index = reporting(a);
    const restarted = worker("a", "e2");
    expect(index.apply(restarted, { kind: "cleared", number: 1 }).kind).toBe("ignored");
    index.apply(a, { kind: "stored", number: 1, blocks: prompt(1, 4) });
    index.setWorkers([restarted]);
    expect(blocksOn(index, a, prompt(1, 4))).toBe(0);
    expect(blocksOn(index, restarted, prompt(1, 4))).toBe(0);
    expect(index.apply(a, { kind: "stored", number: 2, blocks: prompt(1, 4) }).kind).toBe("ignored");
  });
});

describe("KvIndex.routed", () => {
  test("takes what was just sent to a reporting worker for cached, for one to two TTLs", () => {
    const index = reporting(a, b);
    index.routed(a, prompt(1, 4), 1000);
    expect(blocksOn(index, a, prompt(1, 4), 1099)).toBe(4);
    expect(blocksOn(index, b, prompt(1, 4), 1099)).toBe(0);
    expect(blocksOn(index, a, prompt(1, 4), 1200)).toBe(0);
  });

  test("believes a worker that says it has evicted a block, whatever was supposed", () => {
    const index = reporting(a);
    index.routed(a, prompt(1, 4), 1000);
    index.apply(a, { kind: "removed", number: 1, blocks: prompt(1, 4).subarray(4) });
    expect(blocksOn(index, a, prompt(1, 4), 1001)).toBe(2);
  });

  test("remembers it for longer when the worker never reports", () => {
    const index = indexOf(a);
    index.routed(a, prompt(1, 4), 1000);
    expect(blocksOn(index, a, prompt(1, 4), 10_999)).toBe(4);
    expect(blocksOn(index, a, prompt(1, 4), 21_000)).toBe(0);
  });

  test("a block that is sent again lives on, and the first snapshot replaces all guesses", () => {
    const index = indexOf(a);
    for (const now of [0, 9000, 18_000, 27_000]) index.routed(a, prompt(1, 4), now);
    expect(blocksOn(index, a, prompt(1, 4), 36_000)).toBe(4);
    index.apply(a, { kind: "snapshot", number: 0, blocks: NONE, final: true });
    expect(blocksOn(index, a, prompt(1, 4), 36_000)).toBe(0);
  });

  test("never remembers more blocks than its bound", () => {
    const index = indexOf(a);
    for (let seed = 0; seed < 100; seed++) index.routed(a, prompt(seed, 100), seed);
    expect(index.find(NONE, 100).of(a).cacheBlocks).toBeLessThanOrEqual(1100);
    expect(blocksOn(index, a, prompt(99, 100), 100)).toBe(100);
  });
});

test("blockNamesFromBytes() reads little-endian u64s at any offset and leaves out an incomplete one", () => {
  const bytes = new Uint8Array(1 + 16 + 3);
  new DataView(bytes.buffer).setBigUint64(1, 0x0102030405060708n, true);
  new DataView(bytes.buffer).setBigUint64(9, 0xfffffffffffffff0n, true);
  const names = blockNames([0x0102030405060708n, 0xfffffffffffffff0n]);
  expect(blockNamesFromBytes(bytes.subarray(1))).toEqual(names);
  expect(blockNamesFromBytes(Buffer.from(bytes.buffer, 1))).toEqual(names);
});
