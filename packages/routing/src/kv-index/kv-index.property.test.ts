import { workerId } from "@baton/core";
import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { type BlockNames, countBlocks } from "./block-names.ts";
import { KvIndex } from "./kv-index.ts";

const WORKERS = 5;
const PROMPTS = 4;
const DEPTH = 12;

/**
 * Block `depth` of prompt `prompt`. Every two prompts share their first half. Low words collide on purpose, and all fall
 * into few shards, so that runs of colliding records form and break up.
 */
function nameOf(prompt: number, depth: number): readonly [number, number] {
  const branch = depth < DEPTH / 2 ? prompt >> 1 : prompt;
  return [depth % 3, ((depth % 2) << 24) | (depth * 16 + branch + 1)];
}

function names(prompt: number, from: number, to: number): BlockNames {
  const all: number[] = [];
  for (let depth = from; depth < to; depth++) all.push(...nameOf(prompt, depth));
  return Int32Array.from(all);
}

const workerNumber = fc.nat(WORKERS - 1);
const promptNumber = fc.nat(PROMPTS - 1);
const action = fc.oneof(
  fc.record({
    kind: fc.constant("grow" as const),
    worker: workerNumber,
    prompt: promptNumber,
    depth: fc.nat(DEPTH),
  }),
  fc.record({
    kind: fc.constant("evict" as const),
    worker: workerNumber,
    prompt: promptNumber,
    depth: fc.nat(DEPTH),
  }),
  fc.record({ kind: fc.constant("clear" as const), worker: workerNumber }),
  fc.record({ kind: fc.constant("snapshot" as const), worker: workerNumber }),
  fc.record({ kind: fc.constant("restart" as const), worker: workerNumber }),
);

/** What a worker holds, as sets of strings: obviously right, and slow. */
class ModelWorker {
  readonly held = new Set<string>();
  epoch = 0;
  number = 0;
  readonly id: number;

  constructor(id: number) {
    this.id = id;
  }

  get identity() {
    return { id: workerId(`w${this.id}`), epoch: String(this.epoch) };
  }

  depthOf(prompt: number): number {
    let depth = 0;
    while (depth < DEPTH && this.held.has(String(nameOf(prompt, depth)))) depth++;
    return depth;
  }

  all(): BlockNames {
    return Int32Array.from([...this.held].flatMap((name) => name.split(",").map(Number)));
  }
}

test("after any history of workers that evict leaves first, every overlap is what a plain set says", () => {
  fc.assert(
    fc.property(fc.array(action, { maxLength: 120 }), (actions) => {
      const workers = Array.from({ length: WORKERS }, (_, i) => new ModelWorker(i));
      const index = new KvIndex();
      const join = () => index.setWorkers(workers.map((worker) => worker.identity));
      const snapshot = (worker: ModelWorker) =>
        index.apply(worker.identity, {
          kind: "snapshot",
          number: worker.number,
          blocks: worker.all(),
          final: true,
        });
      join();
      for (const worker of workers) snapshot(worker);
      for (const each of actions) {
        const worker = workers[each.worker]!;
        if (each.kind === "grow") {
          const blocks = names(each.prompt, 0, each.depth);
          for (let i = 0; i < countBlocks(blocks); i++) worker.held.add(String(nameOf(each.prompt, i)));
          index.apply(worker.identity, { kind: "stored", number: ++worker.number, blocks });
        } else if (each.kind === "evict") {
          // Leaves first: a shared half goes only when nothing below it is held.
          const branches = Array.from({ length: PROMPTS }, (_, i) => i).filter(
            (i) => i >> 1 === each.prompt >> 1,
          );
          const deepest = Math.max(...branches.map((i) => worker.depthOf(i)));
          const from = each.depth < DEPTH / 2 && deepest > DEPTH / 2 ? DEPTH / 2 : each.depth;
          const blocks = names(each.prompt, from, DEPTH);
          for (let i = from; i < DEPTH; i++) worker.held.delete(String(nameOf(each.prompt, i)));
          index.apply(worker.identity, { kind: "removed", number: ++worker.number, blocks });
        } else if (each.kind === "clear") {
          worker.held.clear();
          index.apply(worker.identity, { kind: "cleared", number: ++worker.number });
        } else if (each.kind === "snapshot") {
          snapshot(worker);
        } else {
          worker.epoch++;
          worker.held.clear();
          join();
          snapshot(worker);
        }
      }
      for (let prompt = 0; prompt < PROMPTS; prompt++) {
        const overlap = index.find(names(prompt, 0, DEPTH), 0);
        for (const worker of workers) {
          expect(overlap.of(worker.identity)).toMatchObject({
            promptBlocks: worker.depthOf(prompt),
            cacheBlocks: worker.held.size,
          });
        }
      }
      expect(index.status().blocks).toBeGreaterThanOrEqual(new Set(workers.flatMap((w) => [...w.held])).size);
    }),
  );
});

test("slots of workers that left are used again after a sweep, and nothing of the old worker shows", () => {
  const index = new KvIndex();
  const prompt = names(0, 0, DEPTH);
  for (let life = 0; life < 600; life++) {
    const worker = { id: workerId("w"), epoch: String(life) };
    index.setWorkers([worker]);
    index.apply(worker, {
      kind: "snapshot",
      number: 0,
      blocks: prompt.subarray(0, 2 * (life % DEPTH)),
      final: true,
    });
    expect(index.find(prompt, 0).of(worker).promptBlocks).toBe(life % DEPTH);
    for (let step = 0; step < 4; step++)
      index.apply(worker, { kind: "stored", number: step, blocks: prompt });
  }
  expect(index.status().bytes).toBeLessThan(64 * 1024);
});
