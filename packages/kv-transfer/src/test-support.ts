/** What the tests of this package share: layouts, filled blocks, a server with a receiver, and a raw peer. */
import { connect, createServer, type Socket } from "node:net";
import {
  type BatonError,
  type BootstrapRoom,
  blocksFor,
  bootstrapRoom,
  type KvLayout,
  kvBytesPerBlock,
  silentLogger,
  systemClock,
  workerId,
} from "@baton/core";
import type { TlsIdentity } from "@baton/tls";
import { packBlock } from "./block-packing.ts";
import { checksumOf } from "./checksum.ts";
import { encodeFrame } from "./frame-codec.ts";
import { FrameParser } from "./frame-parser.ts";
import { encodeHello, type KvIdentity } from "./hello.ts";
import { createKvReceiver } from "./kv-receiver.ts";
import { createKvServer } from "./kv-server.ts";
import type { KvServerLimits } from "./kv-server-limits.ts";
import type {
  FirstToken,
  KvReceiver,
  KvServer,
  KvTransferStatus,
  OpenRoomOptions,
  ReceiveOptions,
  ReceivingRoom,
  SendingRoom,
} from "./transfer-api.ts";
import type { ControlFrame, FrameFields, FrameType } from "./wire-format.ts";

export const LAYOUT: KvLayout = {
  layers: 2,
  kvHeads: 2,
  headDim: 4,
  dtype: "float32",
  blockSize: 4,
  modelHash: "c0ffee",
};

export const FIRST: FirstToken = {
  tokenId: 42,
  cachedTokens: 8,
  logprobs: { logprob: -0.5, top: [{ tokenId: 41, logprob: -0.25 }] },
};

let lastRoom = 0n;

/** A room that no other test uses. */
export function newRoom(): BootstrapRoom {
  lastRoom += 1n;
  return bootstrapRoom(lastRoom);
}

/** The blocks of one prompt, in memory shared as a worker's is. */
export class PromptBlocks {
  readonly #layout: KvLayout;
  readonly #tokens: number;
  readonly #memory: Uint8Array;

  constructor(layout: KvLayout, tokens: number) {
    this.#layout = layout;
    this.#tokens = tokens;
    const bytes = blocksFor(tokens, layout.blockSize) * kvBytesPerBlock(layout);
    this.#memory = new Uint8Array(new SharedArrayBuffer(bytes));
  }

  /** Fills every byte with something that depends on its place and on `seed`. */
  fill(seed: number): this {
    for (let i = 0; i < this.#memory.length; i++) this.#memory[i] = Math.imul(i + seed, 2654435761) >>> 24;
    return this;
  }

  readonly block = (index: number): Uint8Array => {
    const bytes = kvBytesPerBlock(this.#layout);
    return this.#memory.subarray(index * bytes, (index + 1) * bytes);
  };

  /** The prompt's KV and nothing else: what must be equal after a hand-over. */
  content(): Buffer {
    const { blockSize } = this.#layout;
    const parts: Uint8Array[] = [];
    for (let start = 0; start < this.#tokens; start += blockSize) {
      parts.push(
        packBlock(this.block(start / blockSize), this.#layout, Math.min(blockSize, this.#tokens - start)),
      );
    }
    return Buffer.concat(parts);
  }
}

/** How a cluster of a test differs from the default. */
export interface ClusterOptions {
  readonly layout?: KvLayout;
  readonly decodeLayout?: KvLayout;
  readonly secret?: string;
  readonly decodeSecret?: string;
  readonly tls?: TlsIdentity;
  readonly decodeTls?: TlsIdentity | undefined;
  readonly limits?: Partial<KvServerLimits>;
  readonly warnings?: string[];
}

export interface Cluster {
  readonly server: KvServer;
  readonly receiver: KvReceiver;
  readonly port: number;
  open(options: Partial<OpenRoomOptions> & Pick<OpenRoomOptions, "room" | "promptTokens">): SendingRoom;
  receive(options: Partial<ReceiveOptions> & Pick<ReceiveOptions, "room" | "promptTokens">): ReceivingRoom;
}

/** Runs `test` with a server and a receiver on this machine, then checks that nothing of them is left. */
export async function withCluster(
  options: ClusterOptions,
  test: (cluster: Cluster) => Promise<void>,
): Promise<void> {
  const layout = options.layout ?? LAYOUT;
  const server = createKvServer({
    ...identity("prefill-0", layout, options.secret),
    tls: options.tls,
    limits: { lingerMs: 200, ...options.limits },
    logger: { ...silentLogger, warn: (_, message) => options.warnings?.push(message) },
  });
  const decodeLayout = options.decodeLayout ?? layout;
  const decodeIdentity = identity("decode-0", decodeLayout, options.decodeSecret ?? options.secret);
  const decodeTls = "decodeTls" in options ? options.decodeTls : options.tls;
  const receiver = createKvReceiver(decodeIdentity, decodeTls);
  const { port } = await server.listen("127.0.0.1", 0);
  const cluster: Cluster = {
    server,
    receiver,
    port,
    open: (room) => {
      const block = room.block ?? new PromptBlocks(layout, room.promptTokens).fill(1).block;
      return server.open({ signal: new AbortController().signal, ...room, block });
    },
    receive: (room) => {
      const block = room.block ?? new PromptBlocks(decodeLayout, room.promptTokens).block;
      return receiver.receive({ ...receivingDefaults(port), ...room, block });
    },
  };
  const timers = activeTimers();
  try {
    await test(cluster);
    await until(() => isAtRest(server.status()) && isAtRest(receiver.status()));
    await until(() => activeTimers() <= timers);
  } finally {
    await Promise.all([receiver.close(), server.close()]);
  }
}

function receivingDefaults(port: number) {
  return {
    host: "127.0.0.1",
    port,
    deadline: systemClock.now() + 60_000,
    reserve: () => Promise.resolve(),
    signal: new AbortController().signal,
  };
}

export function identity(name: string, layout: KvLayout, secret?: string): KvIdentity {
  return { workerId: workerId(name), epoch: `${name}-epoch`, layout, secret };
}

function activeTimers(): number {
  return process.getActiveResourcesInfo().filter((resource) => resource === "Timeout").length;
}

/** Everything zero: no room, no connection. */
export function isAtRest(status: KvTransferStatus): boolean {
  return status.connections === 0 && Object.values(status.rooms).every((count) => count === 0);
}

/** Resolves once `condition` holds; looks after every turn of the event loop. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

/** The BatonError with which `promise` rejects. */
export async function failureOf(promise: Promise<unknown>): Promise<BatonError> {
  return promise.then(
    () => {
      throw new Error("Cannot get the failure of a promise: it resolved");
    },
    (error: BatonError) => error,
  );
}

interface HelloChanges {
  readonly deadlineMs?: number;
  readonly layout?: KvLayout;
  readonly secret?: string;
}

/** A peer that can say anything: plays a decode worker, or with `accept` a prefill worker. */
export class RawPeer {
  readonly socket: Socket;
  readonly frames: ControlFrame[] = [];
  dataBytes = 0;
  closed = false;

  constructor(socket: Socket, from: "decode" | "prefill") {
    this.socket = socket;
    const parser = new FrameParser({
      from,
      onFrame: (frame) => this.frames.push(frame),
      data: {
        maxBodyBytes: 2 ** 24,
        onDataStart: (_, bodyBytes) => new Uint8Array(bodyBytes),
        onDataEnd: () => {},
      },
    });
    socket.on("data", (chunk) => {
      this.dataBytes += chunk.length;
      parser.feed(chunk);
    });
    socket.on("error", () => {});
    socket.on("close", () => {
      this.closed = true;
    });
  }

  static connect(port: number): RawPeer {
    return new RawPeer(connect({ host: "127.0.0.1", port }), "prefill");
  }

  /** A HELLO as a decode worker says it. */
  static helloBytes(room: BootstrapRoom, promptTokens: number, fields: HelloChanges = {}): Buffer {
    const { deadlineMs = 60_000, layout = LAYOUT, secret } = fields;
    const request = { room, promptTokens, deadlineMs, trace: undefined };
    return encodeHello(identity("raw-0", layout, secret), request);
  }

  hello(room: BootstrapRoom, promptTokens: number, fields: HelloChanges = {}): void {
    this.socket.write(RawPeer.helloBytes(room, promptTokens, fields));
  }

  send<T extends FrameType>(type: T, fields: FrameFields<T>, body = new Uint8Array()): void {
    this.socket.write(Buffer.concat([encodeFrame(type, fields, body.length), body]));
  }

  /** Resolves with the first frame of a type, once it is there. */
  async frame<T extends ControlFrame["type"]>(type: T): Promise<FrameFields<T>> {
    const find = () => this.frames.find((frame) => frame.type === type);
    await until(() => find() !== undefined || this.closed);
    const frame = find();
    if (!frame) throw new Error(`Cannot get frame "${type}": the connection is closed`);
    return frame.fields as FrameFields<T>;
  }
}

/** Fetches a room of 127.0.0.1:`port` into memory that nobody looks at. */
export function receiveFrom(
  receiver: KvReceiver,
  port: number,
  room: BootstrapRoom,
  promptTokens: number,
  reserve: () => Promise<void> = () => Promise.resolve(),
): ReceivingRoom {
  const { block } = new PromptBlocks(LAYOUT, promptTokens);
  return receiver.receive({ ...receivingDefaults(port), room, promptTokens, reserve, block });
}

/** Runs `test` with a receiver and a port on which a raw prefill worker answers; `peer` waits for the connection. */
export async function withPrefillPeer(
  test: (receiver: KvReceiver, port: number, peer: () => Promise<RawPeer>) => Promise<void>,
  layout = LAYOUT,
): Promise<void> {
  const receiver = createKvReceiver(identity("decode-0", layout));
  const connection = Promise.withResolvers<RawPeer>();
  const server = createServer((socket) => connection.resolve(new RawPeer(socket, "decode")));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  try {
    await test(receiver, port, () => connection.promise);
    (await connection.promise).socket.destroy();
    await until(() => isAtRest(receiver.status()));
  } finally {
    await receiver.close();
    await new Promise((resolve) => server.close(resolve));
  }
}

/** A DATA frame with the first block of LAYOUT, all zero, except for the fields that are given. */
export function dataFrame(
  fields: Partial<FrameFields<"data">> = {},
  bytes = kvBytesPerBlock(LAYOUT),
): Buffer {
  const body = Buffer.alloc(bytes);
  return Buffer.concat([
    encodeFrame("data", { start: 0, count: 4, checksum: checksumOf(body), ...fields }, bytes),
    body,
  ]);
}
