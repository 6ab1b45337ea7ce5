/** What is compared: Baton's index, and the radix tree of objects that comes to mind first. */
import { workerId } from "@baton/core";
import { type BlockNames, KvIndex } from "@baton/routing";

export interface Contender {
  store(worker: number, names: BlockNames): void;
  /** Leading blocks by worker. */
  find(names: BlockNames): readonly number[];
}

export class BatonIndex implements Contender {
  readonly index = new KvIndex();
  readonly workers;
  readonly #numbers: number[];

  constructor(workers: number) {
    this.workers = Array.from({ length: workers }, (_, i) => ({ id: workerId(`worker-${i}`), epoch: "e" }));
    this.#numbers = this.workers.map(() => 0);
    this.index.setWorkers(this.workers);
    for (const worker of this.workers) {
      this.index.apply(worker, { kind: "snapshot", number: 0, blocks: new Int32Array(0), final: true });
    }
  }

  store(worker: number, names: BlockNames): void {
    this.#apply(worker, "stored", names);
  }

  remove(worker: number, names: BlockNames): void {
    this.#apply(worker, "removed", names);
  }

  find(names: BlockNames): readonly number[] {
    const overlap = this.index.find(names, 0);
    return this.workers.map((worker) => overlap.of(worker).promptBlocks);
  }

  #apply(worker: number, kind: "stored" | "removed", blocks: BlockNames): void {
    this.#numbers[worker]! += 1;
    this.index.apply(this.workers[worker]!, { kind, number: this.#numbers[worker]!, blocks });
  }
}

interface Node {
  readonly children: Map<bigint, Node>;
  readonly workers: Set<number>;
}

/** A node per block, children in a map by their name, the workers of a node in a set; found by walking down. */
export class TreeOfMaps implements Contender {
  readonly #root: Node = { children: new Map(), workers: new Set() };
  readonly #workers: number;

  constructor(workers: number) {
    this.#workers = workers;
  }

  store(worker: number, names: BlockNames): void {
    let node = this.#root;
    for (const name of new BigUint64Array(names.slice().buffer)) {
      let child = node.children.get(name);
      if (!child) {
        child = { children: new Map(), workers: new Set() };
        node.children.set(name, child);
      }
      child.workers.add(worker);
      node = child;
    }
  }

  find(names: BlockNames): readonly number[] {
    const depths = new Array<number>(this.#workers).fill(0);
    let node: Node | undefined = this.#root;
    for (const name of new BigUint64Array(names.slice().buffer)) {
      node = node.children.get(name);
      if (!node) break;
      for (const worker of node.workers) depths[worker]! += 1;
    }
    return depths;
  }
}
