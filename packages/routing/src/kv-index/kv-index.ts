/**
 * Which worker's cache holds how much of a prompt, from three sources that are searched as one:
 * what workers report, what was just routed to them (*speculative*: the report is on its way), and what was routed to
 * workers that report nothing (*approximate*).
 *
 *   X1  Only workers of the last setWorkers() are known, each with its epoch; all else is ignored.
 *   X2  A worker's reported blocks are in its slot; a clear, a new snapshot and a departure retire the slot as a whole.
 *   X3  Nothing here takes time in proportion to the index: sweeps, growth and expiry come in small steps.
 */
import type { WorkerId, WorkerRecord } from "@baton/core";
import { AgingBlocks, type AgingLimits } from "./aging-blocks.ts";
import { BlockHolders } from "./block-holders.ts";
import type { BlockNames } from "./block-names.ts";
import { type KvFeedState, type KvUpdate, nextFeedStep } from "./kv-feed.ts";
import { PrefixSearch } from "./prefix-search.ts";
import { PromptOverlap, type SlotDirectory } from "./prompt-overlap.ts";
import { WorkerSlots } from "./worker-slots.ts";

/** How long supposed blocks are remembered; the defaults are `DEFAULT_KV_INDEX_LIMITS`. */
export interface KvIndexLimits {
  readonly speculative: AgingLimits;
  readonly approximate: AgingLimits;
}

/** 5 s covers a long prompt's computation; 120 s and 2^20 blocks are Dynamo's. */
export const DEFAULT_KV_INDEX_LIMITS: KvIndexLimits = {
  speculative: { ttlMs: 5000, maxBlocks: 2 ** 20 },
  approximate: { ttlMs: 120_000, maxBlocks: 2 ** 20 },
};

/** What became of an update. */
export type KvVerdict =
  | { readonly kind: "applied" }
  | { readonly kind: "ignored"; readonly why: string }
  /** The caller must ask the worker for a snapshot; asked for once per gap. */
  | { readonly kind: "resnapshot"; readonly why: string };

/** A worker by id and epoch; a `WorkerRecord` is one. */
export type WorkerIdentity = Pick<WorkerRecord, "id" | "epoch">;

/** Figures for metrics. */
export interface KvIndexStatus {
  /** Distinct blocks that workers have reported; those of workers that left are among them until they are swept. */
  readonly blocks: number;
  /** Bytes of all tables. */
  readonly bytes: number;
}

interface Member {
  readonly epoch: string;
  /** Absent while the worker holds nothing. */
  slot?: number | undefined;
  feed: KvFeedState;
  /** Slot that a snapshot is being loaded into. */
  loading?: number | undefined;
}

export class KvIndex {
  readonly #reported = new BlockHolders();
  readonly #speculative: AgingBlocks;
  readonly #approximate: AgingBlocks;
  readonly #slots = new WorkerSlots();
  readonly #search = new PrefixSearch();
  readonly #members = new Map<WorkerId, Member>();
  /** Made anew after a worker's slot has changed; answers keep the one of their time. */
  #directory: SlotDirectory | undefined;

  constructor(limits: KvIndexLimits = DEFAULT_KV_INDEX_LIMITS) {
    this.#speculative = new AgingBlocks(limits.speculative);
    this.#approximate = new AgingBlocks(limits.approximate);
  }

  /** Makes these the known workers: forgets all others, and earlier epochs of the same. */
  setWorkers(workers: readonly WorkerIdentity[]): void {
    const epochs = new Map(workers.map(({ id, epoch }) => [id, epoch]));
    for (const [id, member] of this.#members) {
      if (epochs.get(id) === member.epoch) continue;
      this.#abandonLoading(member);
      this.#forgetBlocks(member);
      this.#members.delete(id);
    }
    for (const [id, epoch] of epochs) {
      if (this.#members.has(id)) continue;
      this.#members.set(id, { epoch, feed: { kind: "silent" } });
    }
  }

  /** Takes in what a worker tells of its cache. */
  apply(worker: WorkerIdentity, update: KvUpdate): KvVerdict {
    if (this.#slots.needsSweep) this.#slots.sweepStep(this.#tables());
    const member = this.#member(worker);
    if (!member) return { kind: "ignored", why: "no such worker and epoch" };
    const step = nextFeedStep(member.feed, update);
    if (step.do === "ignore") return { kind: "ignored", why: step.why };
    if (step.do === "ask") {
      this.#abandonLoading(member);
      member.feed = { kind: "lost" };
      return { kind: "resnapshot", why: step.why };
    }
    this.#change(member, update);
    member.feed = step.next;
    return { kind: "applied" };
  }

  /** Notes that a prompt was sent to a worker, which will soon hold these blocks. `now` in epoch ms. */
  routed(worker: WorkerIdentity, names: BlockNames, now: number): void {
    const member = this.#member(worker);
    if (!member) return;
    const supposed = member.feed.kind === "silent" ? this.#approximate : this.#speculative;
    supposed.add(names, this.#slotOf(member), now);
  }

  /** How much of a prompt each worker holds at `now` (epoch ms). */
  find(names: BlockNames, now: number): PromptOverlap {
    this.#speculative.advance(now);
    this.#approximate.advance(now);
    const sources = this.#tables().filter((table) => !table.isEmpty);
    const depths = this.#search.run(names, sources, this.#slots.live);
    const cacheBlocks = new Uint32Array(depths.length);
    for (const source of sources) source.addHeld(cacheBlocks);
    this.#directory ??= this.#listSlots();
    return new PromptOverlap(this.#directory, depths, cacheBlocks);
  }

  /** How many blocks a worker says that it holds. */
  reportedBlocks(worker: WorkerIdentity): number {
    const slot = this.#member(worker)?.slot;
    return slot === undefined ? 0 : this.#reported.heldBy(slot);
  }

  status(): KvIndexStatus {
    const bytes = this.#tables().reduce((sum, table) => sum + table.byteLength, 0);
    return { blocks: this.#reported.size, bytes };
  }

  #change(member: Member, update: KvUpdate): void {
    switch (update.kind) {
      case "stored":
        this.#reported.add(update.blocks, this.#slotOf(member));
        return;
      case "removed":
        if (member.slot !== undefined) this.#remove(update.blocks, member.slot);
        return;
      case "cleared":
        this.#forgetBlocks(member);
        return;
      case "snapshot":
        this.#load(member, update);
    }
  }

  /** What a worker says beats what was supposed. */
  #remove(blocks: BlockNames, slot: number): void {
    this.#reported.remove(blocks, slot);
    this.#speculative.remove(blocks, slot);
  }

  #load(member: Member, part: Extract<KvUpdate, { kind: "snapshot" }>): void {
    const continues = member.feed.kind === "loading" && member.feed.number === part.number;
    if (!continues) this.#abandonLoading(member);
    member.loading ??= this.#slots.take();
    this.#reported.add(part.blocks, member.loading);
    if (!part.final) return;
    this.#forgetBlocks(member);
    this.#give(member, member.loading);
    member.loading = undefined;
  }

  #abandonLoading(member: Member): void {
    if (member.loading !== undefined) this.#slots.retire(member.loading);
    member.loading = undefined;
  }

  #forgetBlocks(member: Member): void {
    if (member.slot === undefined) return;
    this.#slots.retire(member.slot);
    member.slot = undefined;
    this.#directory = undefined;
  }

  #slotOf(member: Member): number {
    return member.slot ?? this.#give(member, this.#slots.take());
  }

  #give(member: Member, slot: number): number {
    this.#slots.enliven(slot);
    member.slot = slot;
    this.#directory = undefined;
    return slot;
  }

  #listSlots(): SlotDirectory {
    const directory = new Map<WorkerId, { readonly epoch: string; readonly slot: number }>();
    for (const [id, { epoch, slot }] of this.#members) {
      if (slot !== undefined) directory.set(id, { epoch, slot });
    }
    return directory;
  }

  #member({ id, epoch }: WorkerIdentity): Member | undefined {
    const member = this.#members.get(id);
    return member?.epoch === epoch ? member : undefined;
  }

  #tables(): BlockHolders[] {
    return [this.#reported, ...this.#speculative.generations, ...this.#approximate.generations];
  }
}
