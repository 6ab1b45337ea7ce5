// The pool against a model that knows the content of every block: what a lookup finds must hold exactly the tokens
// asked for, and nobody may write to a block that somebody else holds or can find.

import { type BlockId, blocksFor } from "@baton/core";
import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { type HashedTokens, hashTokens } from "./block-hash.ts";
import { BlockPool } from "./block-pool.ts";

const BLOCK_SIZE = 2;

interface Held {
  readonly prompt: HashedTokens;
  readonly table: readonly BlockId[];
}

class PoolModel {
  readonly pool: BlockPool;
  readonly content = new Map<BlockId, string>();
  readonly held: Held[] = [];

  constructor(blocks: number) {
    this.pool = new BlockPool({ blocks, blockSize: BLOCK_SIZE });
  }

  take(tokenIds: readonly number[]): void {
    const prompt = hashTokens(tokenIds, BLOCK_SIZE);
    const shared = this.pool.lookup(prompt, tokenIds.length - 1);
    shared.forEach((block, i) => {
      expect(this.content.get(block)).toBe(prefix(tokenIds, i));
    });
    const count = blocksFor(tokenIds.length, BLOCK_SIZE);
    if (!this.pool.canAllocate(count, shared)) return;
    const table = this.pool.allocate(count, shared);
    expect(table).toHaveLength(count);
    for (let i = shared.length; i < count; i++) {
      expect(this.held.some((other) => other.table.includes(table[i]!))).toBe(false);
      this.content.set(table[i]!, prefix(tokenIds, i));
    }
    this.held.push({ prompt, table });
  }

  giveBack(pick: number, finalTokens: number): void {
    if (this.held.length === 0) return;
    const { prompt, table } = this.held.splice(pick % this.held.length, 1)[0]!;
    this.pool.retire(table, prompt, Math.min(finalTokens, prompt.tokenIds.length));
  }

  check(): void {
    this.pool.assertConsistent();
    expect(this.pool.status().used).toBe(new Set(this.held.flatMap(({ table }) => table)).size);
  }
}

function prefix(tokenIds: readonly number[], index: number): string {
  return tokenIds.slice(0, (index + 1) * BLOCK_SIZE).join(" ");
}

const take = fc
  .array(fc.nat(1), { minLength: 1, maxLength: 10 })
  .map((ids) => (model: PoolModel) => model.take(ids));
const giveBack = fc.tuple(fc.nat(), fc.nat(10)).map(
  ([pick, tokens]) =>
    (model: PoolModel) =>
      model.giveBack(pick, tokens),
);
const forget = fc.constant((model: PoolModel) => model.pool.forgetCached());
const actions = fc.array(
  fc.oneof(
    { weight: 8, arbitrary: take },
    { weight: 8, arbitrary: giveBack },
    { weight: 1, arbitrary: forget },
  ),
  { maxLength: 60 },
);

test("under any use, tables hold what they should, nothing leaks and invariants P1 to P4 hold", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 12 }), actions, (blocks, steps) => {
      const model = new PoolModel(blocks);
      for (const step of steps) {
        step(model);
        model.check();
      }
      while (model.held.length > 0) model.giveBack(0, 10);
      const { total, free, cached } = model.pool.status();
      expect(free + cached).toBe(total);
    }),
    { numRuns: 300 },
  );
});
