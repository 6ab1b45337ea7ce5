/** How long the router needs to find out who caches a prompt, and what keeping that up to date costs. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { WorkerRecord } from "@baton/core";
import { hashTokens } from "@baton/kv-cache";
import {
  type BlockNames,
  blockNames,
  blockNamesFromBytes,
  createRoutePlanner,
  LoadLedger,
} from "@baton/routing";
import { type Bench, type Measurement, percentile } from "./bench.ts";
import {
  BLOCK_SIZE,
  type Conversation,
  createDice,
  drawConversations,
  drawPrompts,
  PROMPT_BLOCKS,
} from "./kv-index/blocks.ts";
import { BatonIndex, type Contender, TreeOfMaps } from "./kv-index/contenders.ts";

const WORKERS = 64;
const BLOCKS = 1_000_000;
const ROUNDS = 20_000;
const EVENTS_PER_SECOND = 100_000;
const FINDS_PER_SECOND = 500;
const LIVE_SECONDS = 10;
const BLOCKS_PER_EVENT = 4;

type Report = (measurement: Measurement) => void;

export const bench: Bench = {
  question: `Over ${WORKERS} workers and ${BLOCKS.toLocaleString("en")} blocks of ${BLOCK_SIZE} tokens, how long does a prompt of ${PROMPT_BLOCKS * BLOCK_SIZE} tokens take?`,
  notMeasured: "gRPC and protobuf around the events, more than one router, prompts longer than 8,192 tokens",

  async run(report) {
    const conversations = drawConversations(BLOCKS, WORKERS, createDice(1));
    const prompts = drawPrompts(conversations, createDice(2));
    reportHashing(report);
    const tree = built("tree of maps", () => new TreeOfMaps(WORKERS), conversations, report);
    reportFinds("tree of maps", tree, prompts, report);
    const baton = built("baton", () => new BatonIndex(WORKERS), conversations, report);
    assertEqual(tree, baton, prompts);
    reportFinds("baton", baton, prompts, report);
    const { blocks, bytes } = baton.index.status();
    report({
      case: "memory",
      contender: "baton",
      metric: "table bytes per block",
      value: bytes / blocks,
      unit: "B",
    });
    reportSelection(baton, prompts, report);
    reportLive(baton, conversations, prompts, report);
  },
};

function reportHashing(report: Report): void {
  const dice = createDice(3);
  const tokens = Array.from({ length: PROMPT_BLOCKS * BLOCK_SIZE }, () => dice() % 128_000);
  const times = timed(2000, () => blockNames(hashTokens(tokens, BLOCK_SIZE).sequenceHashes));
  reportTimes({ case: "hashing one prompt (not counted)", contender: "kv-cache" }, "time", times, report);
}

function built<T extends Contender>(
  contender: string,
  create: () => T,
  conversations: readonly Conversation[],
  report: Report,
): T {
  const before = heapBytes();
  const index = create();
  const startedAt = performance.now();
  let blocks = 0;
  for (const { names, holders } of conversations) {
    for (const { worker, blocks: count } of holders) {
      index.store(worker, names.subarray(0, 2 * count));
      blocks += count;
    }
  }
  const perBlock = ((performance.now() - startedAt) * 1e6) / blocks;
  const bytes = (heapBytes() - before) / BLOCKS;
  report({ case: "building", contender, metric: "time per block stored", value: perBlock, unit: "ns" });
  report({ case: "memory", contender, metric: "process bytes per block", value: bytes, unit: "B" });
  return index;
}

function reportFinds(
  contender: string,
  index: Contender,
  prompts: Record<string, BlockNames[]>,
  report: Report,
): void {
  for (const [what, names] of Object.entries(prompts)) {
    const times = timed(ROUNDS, (i) => index.find(names[i % names.length]!));
    reportTimes({ case: what, contender }, "find", times, report);
  }
}

/** The whole decision: search, 64 costs, the pick. */
function reportSelection(baton: BatonIndex, prompts: Record<string, BlockNames[]>, report: Report): void {
  const records = baton.workers.map((worker) => recordOf(worker));
  const planner = createRoutePlanner({ random: Math.random });
  const ledger = new LoadLedger();
  const names = Object.values(prompts).flat();
  const times = timed(ROUNDS, (i) => {
    const blocks = names[i % names.length]!;
    const overlap = baton.index.find(blocks, 0);
    const request = { model: "m", promptTokens: PROMPT_BLOCKS * BLOCK_SIZE, blocks, overlap };
    return planner.select("prefill", request, ledger.view(records));
  });
  reportTimes({ case: "all kinds of prompts", contender: "baton" }, "view + find + select", times, report);
}

/**
 * Events and prompts arrive at their own times, and one thread works on them in order of arrival, as the router does:
 * a prompt's time counts from its arrival, so it includes waiting for the events before it. The work is real and timed,
 * the waiting is added up, so that a machine that is busy with other things does not count as a queue.
 */
function reportLive(
  baton: BatonIndex,
  conversations: readonly Conversation[],
  prompts: Record<string, BlockNames[]>,
  report: Report,
): void {
  const names = Object.values(prompts).flat();
  for (const rate of [0, EVENTS_PER_SECOND]) {
    const { times, finds, busyMs } = live(baton, conversations, names, rate);
    const what = `${FINDS_PER_SECOND} prompts/s, ${rate.toLocaleString("en")} events/s`;
    reportTimes({ case: what, contender: "baton" }, "arrival to answer", times, report);
    reportTimes({ case: what, contender: "baton" }, "find alone", finds, report);
    const value = (100 * busyMs) / (1000 * LIVE_SECONDS);
    report({ case: what, contender: "baton", metric: "CPU spent on events", value, unit: "%" });
  }
}

function live(
  baton: BatonIndex,
  conversations: readonly Conversation[],
  prompts: readonly BlockNames[],
  eventsPerSecond: number,
): { readonly times: number[]; readonly finds: number[]; readonly busyMs: number } {
  const dice = createDice(4);
  const times: number[] = [];
  const finds: number[] = [];
  const exponential = (perSecond: number) => (-Math.log((dice() + 1) / 2 ** 32) * 1000) / perSecond;
  const took = (work: () => void): number => {
    const startedAt = performance.now();
    work();
    return performance.now() - startedAt;
  };
  let events = 0;
  let busyMs = 0;
  let idleFrom = 0;
  let nextFind = exponential(FINDS_PER_SECOND);
  // Every millisecond a message with the events of that time, as a stream delivers them.
  let nextEvents = eventsPerSecond > 0 ? 0 : Number.POSITIVE_INFINITY;
  while (nextFind < LIVE_SECONDS * 1000) {
    if (nextEvents <= nextFind) {
      const ms = took(() => {
        for (let i = 0; i < eventsPerSecond / 1000; i++) churn(baton, conversations, events++);
      });
      idleFrom = Math.max(idleFrom, nextEvents) + ms;
      busyMs += ms;
      nextEvents += 1;
    } else {
      const names = prompts[dice() % prompts.length]!;
      const ms = took(() => baton.index.find(names, 0));
      finds.push(ms * 1000);
      idleFrom = Math.max(idleFrom, nextFind) + ms;
      times.push((idleFrom - nextFind) * 1000);
      nextFind += exponential(FINDS_PER_SECOND);
    }
  }
  return { times, finds, busyMs };
}

/** Takes the last blocks of a conversation from its worker, and with the next event puts them back. */
function churn(baton: BatonIndex, conversations: readonly Conversation[], event: number): void {
  const { names, holders } = conversations[(event >> 1) % conversations.length]!;
  const from = 8 * (PROMPT_BLOCKS - BLOCKS_PER_EVENT);
  // As a message brings them: bytes in the middle of a buffer.
  const leaf = blockNamesFromBytes(
    new Uint8Array(names.buffer, names.byteOffset + from, 8 * BLOCKS_PER_EVENT),
  );
  if (event % 2 === 0) baton.remove(holders[0]!.worker, leaf);
  else baton.store(holders[0]!.worker, leaf);
}

function assertEqual(one: Contender, other: Contender, prompts: Record<string, BlockNames[]>): void {
  for (const names of Object.values(prompts).flatMap((all) => all.slice(0, 50))) {
    if (one.find(names).join() !== other.find(names).join()) throw new Error("The contenders disagree");
  }
}

function timed(times: number, work: (i: number) => unknown): number[] {
  for (let i = 0; i < times / 10; i++) work(i);
  return Array.from({ length: times }, (_, i) => {
    const startedAt = performance.now();
    work(i);
    return (performance.now() - startedAt) * 1000;
  });
}

function reportTimes(
  of: Pick<Measurement, "case" | "contender">,
  what: string,
  times: readonly number[],
  report: Report,
): void {
  for (const p of [50, 99]) {
    report({ ...of, metric: `${what} p${p}`, value: percentile(times, p), unit: "µs" });
  }
}

/** What the process holds after a full collection: heap and array buffers. */
function heapBytes(): number {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  // Twice: array buffers go with the collection after the one that found their owners dead.
  collect();
  collect();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

function recordOf({ id, epoch }: Pick<WorkerRecord, "id" | "epoch">): WorkerRecord {
  return {
    id,
    epoch,
    role: "prefill",
    state: "serving",
    grpcAddress: "",
    model: "m",
    layout: { layers: 1, kvHeads: 1, headDim: 1, dtype: "float32", blockSize: BLOCK_SIZE, modelHash: "" },
    capacity: { kvBlocks: 1, maxRunning: 1, maxModelTokens: 1 },
  };
}
