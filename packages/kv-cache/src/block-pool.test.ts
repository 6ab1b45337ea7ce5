import { blockId } from "@baton/core";
import { describe, expect, test } from "@jest/globals";
import { hashTokens } from "./block-hash.ts";
import { BlockPool } from "./block-pool.ts";

const pool = (blocks: number) => new BlockPool({ blocks, blockSize: 2 });
const hashed = (text: string) =>
  hashTokens(
    [...text].map((letter) => letter.charCodeAt(0)),
    2,
  );

/** Computes `text` without looking anything up and retires it in full. */
function compute(target: BlockPool, text: string) {
  const table = target.allocate(Math.ceil(text.length / 2));
  target.retire(table, hashed(text), text.length);
  return table;
}

describe("canAllocate and allocate", () => {
  test("hand out every block once", () => {
    const subject = pool(3);
    const table = subject.allocate(3);
    expect(new Set(table)).toEqual(new Set([0, 1, 2]));
    expect(subject.canAllocate(1)).toBe(false);
    expect(subject.canAllocate(0)).toBe(true);
    expect(subject.status()).toEqual({ total: 3, free: 0, cached: 0, used: 3 });
  });

  test("allocate() throws when nobody asked, and takes nothing", () => {
    const subject = pool(2);
    subject.allocate(1);
    expect(() => subject.allocate(2)).toThrow("Cannot allocate 2 blocks: 1 are available");
    expect(subject.status().free).toBe(1);
    subject.assertConsistent();
  });

  test("count cached blocks as available, except those the table itself shares", () => {
    const subject = pool(3);
    compute(subject, "aabb");
    const shared = subject.lookup(hashed("aabbccdd"), 8);
    expect(subject.canAllocate(3)).toBe(true);
    expect(subject.canAllocate(3, shared)).toBe(true);
    expect(subject.canAllocate(4, shared)).toBe(false);
  });

  test("never evict the blocks that the table shares", () => {
    const subject = pool(3);
    const first = compute(subject, "aabb");
    const shared = subject.lookup(hashed("aabbcc"), 6);
    const table = subject.allocate(3, shared);
    expect(table.slice(0, 2)).toEqual(first);
    expect(new Set(table).size).toBe(3);
    subject.assertConsistent();
  });
});

describe("lookup", () => {
  test("finds the longest known prefix in whole blocks", () => {
    const subject = pool(8);
    const table = compute(subject, "aabbc");
    expect(subject.lookup(hashed("aabbcc"), 6)).toEqual(table.slice(0, 2));
    expect(subject.lookup(hashed("aaXX"), 4)).toEqual(table.slice(0, 1));
    expect(subject.lookup(hashed("Xabb"), 4)).toEqual([]);
    expect(subject.lookup(hashed("a"), 1)).toEqual([]);
  });

  test("stays within the given number of tokens", () => {
    const subject = pool(8);
    const table = compute(subject, "aabb");
    expect(subject.lookup(hashed("aabb"), 4)).toEqual(table);
    expect(subject.lookup(hashed("aabb"), 3)).toEqual(table.slice(0, 1));
    expect(subject.lookup(hashed("aabb"), 0)).toEqual([]);
  });

  test("does not take a block of equal tokens behind another beginning", () => {
    const subject = pool(8);
    compute(subject, "aabb");
    compute(subject, "XXcc");
    expect(subject.lookup(hashed("XXbb"), 4)).toHaveLength(1);
  });

  test("does not believe a hash whose tokens differ", () => {
    const subject = pool(8);
    compute(subject, "aabb");
    const colliding = { tokenIds: [9, 9, 9, 9], sequenceHashes: hashed("aabb").sequenceHashes };
    expect(subject.lookup(colliding, 4)).toEqual([]);
  });

  test("does not believe a hash whose tokens are equal but stand behind another block", () => {
    const subject = pool(8);
    compute(subject, "aabb");
    const other = compute(subject, "XX");
    const colliding = {
      tokenIds: hashed("XXbb").tokenIds,
      sequenceHashes: [hashed("XX").sequenceHashes[0]!, hashed("aabb").sequenceHashes[1]!],
    };
    expect(subject.lookup(colliding, 4)).toEqual(other);
  });

  test("changes nothing", () => {
    const subject = pool(4);
    compute(subject, "aabb");
    const before = subject.status();
    subject.lookup(hashed("aabb"), 4);
    expect(subject.status()).toEqual(before);
  });
});

describe("release and retire", () => {
  test("release() frees without keeping", () => {
    const subject = pool(2);
    subject.release(subject.allocate(2));
    expect(subject.status()).toEqual({ total: 2, free: 2, cached: 0, used: 0 });
  });

  test("release() of a block that nobody holds throws", () => {
    const subject = pool(2);
    const table = subject.allocate(1);
    subject.release(table);
    expect(() => subject.release(table)).toThrow('Cannot release block "0": nobody holds it');
    expect(() => subject.release([blockId(1)])).toThrow("nobody holds it");
  });

  test("retire() keeps full blocks and frees the partly filled one", () => {
    const subject = pool(4);
    compute(subject, "aabbc");
    expect(subject.status()).toEqual({ total: 4, free: 2, cached: 2, used: 0 });
  });

  test("retire() keeps only what is final", () => {
    const subject = pool(4);
    subject.retire(subject.allocate(3), hashed("aabbcc"), 3);
    expect(subject.status()).toEqual({ total: 4, free: 3, cached: 1, used: 0 });
    expect(subject.lookup(hashed("aabbcc"), 6)).toHaveLength(1);
  });

  test("a shared block is used until its last holder lets go", () => {
    const subject = pool(4);
    compute(subject, "aa");
    const shared = subject.lookup(hashed("aabb"), 4);
    const one = subject.allocate(1, shared);
    const two = subject.allocate(1, shared);
    subject.release(one);
    expect(subject.status()).toMatchObject({ cached: 0, used: 1 });
    subject.release(two);
    expect(subject.status()).toMatchObject({ cached: 1, used: 0 });
  });

  test("retire() of a block computed twice keeps one of the two, and what follows it", () => {
    const subject = pool(8);
    const one = subject.allocate(2);
    const two = subject.allocate(2);
    subject.retire(one, hashed("aabb"), 4);
    subject.retire(two, hashed("aacc"), 4);
    expect(subject.status()).toMatchObject({ cached: 3, free: 5 });
    expect(subject.lookup(hashed("aacc"), 4)).toEqual([one[0], two[1]]);
    subject.assertConsistent();
  });

  test("retire() stops at a block whose hash belongs to other tokens", () => {
    const subject = pool(8);
    compute(subject, "aabb");
    const hashes = hashed("aabb").sequenceHashes;
    const colliding = { tokenIds: [97, 97, 9, 9, 8, 8], sequenceHashes: [hashes[0]!, hashes[1]!, 5n] };
    subject.retire(subject.allocate(3), colliding, 6);
    expect(subject.lookup(colliding, 6)).toHaveLength(1);
    expect(subject.status()).toMatchObject({ cached: 2, used: 0 });
    subject.assertConsistent();
  });
});

describe("eviction", () => {
  test("takes the least recently used sequence first, its end before its beginning", () => {
    const subject = pool(4);
    compute(subject, "aabb");
    compute(subject, "ccdd");
    const table = subject.allocate(1);
    expect(subject.lookup(hashed("aabb"), 4)).toHaveLength(1);
    expect(subject.lookup(hashed("ccdd"), 4)).toHaveLength(2);
    subject.release(table);
  });

  test("spares what was used again", () => {
    const subject = pool(4);
    compute(subject, "aabb");
    compute(subject, "ccdd");
    subject.release(subject.allocate(2, subject.lookup(hashed("aabb"), 4)));
    subject.allocate(2);
    expect(subject.lookup(hashed("aabb"), 4)).toHaveLength(2);
    expect(subject.lookup(hashed("ccdd"), 4)).toHaveLength(0);
  });

  test("takes free blocks before cached ones", () => {
    const subject = pool(3);
    compute(subject, "aabb");
    subject.allocate(1);
    expect(subject.lookup(hashed("aabb"), 4)).toHaveLength(2);
  });

  test("keeps a parent whose other branch was evicted", () => {
    const subject = pool(3);
    compute(subject, "aabb");
    subject.retire(subject.allocate(2, subject.lookup(hashed("aacc"), 2)), hashed("aacc"), 4);
    subject.allocate(1);
    expect(subject.lookup(hashed("aabb"), 4)).toHaveLength(1);
    expect(subject.lookup(hashed("aacc"), 4)).toHaveLength(2);
    subject.assertConsistent();
  });

  test("forgetCached() frees every cached block and spares used ones", () => {
    const subject = pool(4);
    compute(subject, "aabb");
    const held = subject.allocate(1, subject.lookup(hashed("aabb"), 2));
    subject.forgetCached();
    expect(subject.status()).toEqual({ total: 4, free: 3, cached: 0, used: 1 });
    subject.assertConsistent();
    subject.release(held);
    expect(subject.status()).toMatchObject({ cached: 1, used: 0 });
  });
});
