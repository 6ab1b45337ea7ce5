/**
 * What moving KV costs: goodput of a hand-over beside a plain TCP stream of the same bytes, and what a hand-over adds
 * to the time to the first token. Prefill side and decode side are processes of their own.
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { fileURLToPath } from "node:url";
import { blocksFor, bootstrapRoom, type KvLayout, kvBytesPerBlock, workerId } from "@baton/core";
import { createKvReceiver, type KvReceiver } from "@baton/kv-transfer";
import { SYNTH_SHAPES } from "@baton/model";
import { type Bench, type Measurement, percentile, summarize } from "./bench.ts";
import type { PrefillReply, PrefillRequest } from "./kv-prefill-process.ts";

const SHAPE = "smollm2-135m";
const BLOCK_SIZE = 16;
const TRANSFER_TOKENS = 4096;
const TRANSFERS = 20;
const PROMPTS = [512, 2048];
const REPETITIONS = 5;
/** As our own receiver reads. */
const READ_BUFFER_BYTES = 64 * 1024;

type PlainStream = "TCP, one buffer" | "TCP, kept" | "TCP, data events";
type Report = (measurement: Measurement) => void;

export const bench: Bench = {
  question: "How fast does KV move between two processes, and how much later is the first token for it?",
  notMeasured: "a network between machines, TLS, several hand-overs at once, gRPC and the router",

  async run(report) {
    await using prefill = await PrefillProcess.start();
    const { layers, kvHeads, headDim } = SYNTH_SHAPES[SHAPE];
    const { modelHash } = prefill.ready;
    const layout = { layers, kvHeads, headDim, dtype: "float32", blockSize: BLOCK_SIZE, modelHash } as const;
    const receiver = createKvReceiver({ workerId: workerId("decode"), epoch: "bench", layout });
    const decode = new DecodeSide(receiver, prefill.ready.kvPort, layout);
    await goodput(prefill, decode, layout, report);
    for (const tokens of PROMPTS) await firstToken(prefill, decode, tokens, report);
    await receiver.close();
  },
};

/** A hand-over and three plain streams of as many bytes, by turns. */
async function goodput(
  prefill: PrefillProcess,
  decode: DecodeSide,
  layout: KvLayout,
  report: Report,
): Promise<void> {
  const bytes = blocksFor(TRANSFER_TOKENS, BLOCK_SIZE) * kvBytesPerBlock(layout);
  const rates: Record<"KV hand-over" | PlainStream, number[]> = {
    "KV hand-over": [],
    "TCP, one buffer": [],
    "TCP, kept": [],
    "TCP, data events": [],
  };
  const gigabytesPerSecond = (startedAt: number) => bytes / (performance.now() - startedAt) / 1e6;
  for (let turn = 0; turn < TRANSFERS; turn++) {
    for (const [name, read] of [
      ["TCP, one buffer", (port: number) => readInto(Buffer.allocUnsafeSlow(READ_BUFFER_BYTES), port, bytes)],
      ["TCP, kept", (port: number) => readInto(decode.memory, port, bytes)],
      ["TCP, data events", (port: number) => readDataEvents(port, bytes)],
    ] as const) {
      await prefill.ask({ type: "raw", bytes });
      const startedAt = performance.now();
      await read(prefill.ready.rawPort);
      rates[name].push(gigabytesPerSecond(startedAt));
    }
    const room = nextRoom();
    await prefill.ask({ type: "send", room: `${room}`, tokens: TRANSFER_TOKENS });
    const startedAt = performance.now();
    await decode.receive(room, TRANSFER_TOKENS);
    rates["KV hand-over"].push(gigabytesPerSecond(startedAt));
  }
  const row = { case: `goodput, ${TRANSFER_TOKENS} tokens, ${Math.round(bytes / 1e6)} MB` };
  for (const [contender, samples] of Object.entries(rates)) {
    report({ ...row, contender, metric: "goodput", ...summarize(samples), unit: "GB/s" });
  }
  for (const stream of ["TCP, one buffer", "TCP, kept", "TCP, data events"] as const) {
    const value = (100 * percentile(rates["KV hand-over"], 50)) / percentile(rates[stream], 50);
    report({ ...row, contender: "KV hand-over", metric: `share of ${stream}`, value, unit: "%" });
  }
}

/** From the request to the first token at the prefill side alone, and with all KV and the token at the decode side. */
async function firstToken(
  prefill: PrefillProcess,
  decode: DecodeSide,
  tokens: number,
  report: Report,
): Promise<void> {
  const free: number[] = [];
  const handedOver: number[] = [];
  const kept = async () => {
    const startedAt = performance.now();
    const first = prefill.firstToken();
    await prefill.ask({ type: "prefill", tokens });
    await first;
    free.push(performance.now() - startedAt);
  };
  const given = async () => {
    const startedAt = performance.now();
    const room = nextRoom();
    const computed = prefill.firstToken();
    await prefill.ask({ type: "prefill", tokens, room: `${room}` });
    await decode.receive(room, tokens);
    handedOver.push(performance.now() - startedAt);
    await computed; // Sent before, but perhaps not read yet.
  };
  await kept();
  free.length = 0;
  for (let turn = 0; turn < REPETITIONS; turn++) {
    await kept();
    await given();
  }
  const row = { case: `time to first token, ${tokens} tokens`, metric: "first token" };
  report({ ...row, contender: "no hand-over", ...summarize(free), unit: "ms" });
  report({ ...row, contender: "KV hand-over", ...summarize(handedOver), unit: "ms" });
  const added = 100 * (percentile(handedOver, 50) / percentile(free, 50) - 1);
  report({ ...row, contender: "KV hand-over", metric: "added", value: added, unit: "%" });
}

/** Receives rooms into the memory of one prompt. */
class DecodeSide {
  readonly #receiver: KvReceiver;
  readonly #port: number;
  readonly memory: Uint8Array;
  readonly #blockBytes: number;

  constructor(receiver: KvReceiver, port: number, layout: KvLayout) {
    this.#receiver = receiver;
    this.#port = port;
    this.#blockBytes = kvBytesPerBlock(layout);
    const bytes = blocksFor(TRANSFER_TOKENS, BLOCK_SIZE) * this.#blockBytes;
    this.memory = new Uint8Array(new SharedArrayBuffer(bytes)).fill(1);
  }

  async receive(room: ReturnType<typeof nextRoom>, promptTokens: number): Promise<void> {
    const { done } = this.#receiver.receive({
      host: "127.0.0.1",
      port: this.#port,
      room,
      promptTokens,
      deadline: Date.now() + 60_000,
      reserve: () => Promise.resolve(),
      block: (index) => this.memory.subarray(index * this.#blockBytes, (index + 1) * this.#blockBytes),
      signal: AbortSignal.timeout(60_000),
    });
    await done;
  }
}

let rooms = 0n;

function nextRoom() {
  rooms += 1n;
  return bootstrapRoom(rooms);
}

/** Reads into memory from its beginning, and from its beginning again when it is full. */
function readInto(memory: Uint8Array, port: number, bytes: number): Promise<void> {
  return new Promise((resolve, reject) => {
    let received = 0;
    const socket = connect({
      ...{ host: "127.0.0.1", port, noDelay: true },
      onread: {
        buffer: () => memory.subarray(received % memory.length),
        callback: (count) => {
          received += count;
          if (received >= bytes) resolve();
          return true;
        },
      },
    });
    socket.once("error", reject);
  });
}

function readDataEvents(port: number, bytes: number): Promise<void> {
  return new Promise((resolve, reject) => {
    let received = 0;
    connect({ host: "127.0.0.1", port, noDelay: true })
      .on("data", (chunk) => {
        received += chunk.length;
        if (received >= bytes) resolve();
      })
      .once("error", reject);
  });
}

class PrefillProcess implements AsyncDisposable {
  readonly ready: Extract<PrefillReply, { type: "ready" }>;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, ready: Extract<PrefillReply, { type: "ready" }>) {
    this.#child = child;
    this.ready = ready;
  }

  static async start(): Promise<PrefillProcess> {
    const child = fork(fileURLToPath(new URL("kv-prefill-process.ts", import.meta.url)));
    const [ready] = (await once(child, "message")) as [Extract<PrefillReply, { type: "ready" }>];
    return new PrefillProcess(child, ready);
  }

  /** Resolves when the request was taken up. */
  async ask(request: PrefillRequest): Promise<void> {
    const accepted = this.#next("accepted");
    this.#child.send(request);
    await accepted;
  }

  /** Resolves with the next first token. */
  firstToken(): Promise<void> {
    return this.#next("first-token");
  }

  #next(type: PrefillReply["type"]): Promise<void> {
    return new Promise((resolve) => {
      const listener = (message: PrefillReply) => {
        if (message.type !== type) return;
        this.#child.off("message", listener);
        resolve();
      };
      this.#child.on("message", listener);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = once(this.#child, "exit");
    this.#child.kill();
    await ended;
  }
}
