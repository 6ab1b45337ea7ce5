/**
 * Decode side of one room: claims it, receives the prompt's KV, checks it, acknowledges it.
 *
 *   D1  The room ends once, by a verified DONE or by the first failure; a failure on this side is told to the peer.
 *   D2  Memory is reserved once, and only after OFFER says that the prefill worker has KV to send.
 *   D3  No byte is written to a block after the end: the parser is stopped first.
 *   D4  Success means that every token's KV came, in order, with the right checksums, and the first token too.
 *   D5  What a callback throws ends this room, and only this room.
 */
import { BatonError, formatRoom, systemClock, workerId } from "@baton/core";
import type { TlsIdentity } from "@baton/tls";
import { BlockReceiver } from "./block-receiver.ts";
import { firstTokenOf } from "./first-token.ts";
import { abortedByPeer, type ConnectionHandler, FrameConnection } from "./frame-connection.ts";
import { encodeHello, type KvIdentity } from "./hello.ts";
import { during, protocolError } from "./protocol-error.ts";
import { type RoomCounts, RoomLifecycle } from "./room-lifecycle.ts";
import type { FirstToken, KvPeer, ReceiveOptions, ReceivingRoom, RoomState } from "./transfer-api.ts";
import type { ControlFrame, FrameFields } from "./wire-format.ts";

/** What all rooms of a receiver share. */
export interface DecodeRoomContext {
  readonly identity: KvIdentity;
  /** Undefined where nothing is encrypted. */
  readonly tls: TlsIdentity | undefined;
  readonly counts: RoomCounts;
  /** Time for the peer to take what was sent last. */
  readonly lingerMs: number;
}

type Outcome = Awaited<ReceivingRoom["done"]>;

/** How far a room got with its peer. */
type Progress = "greeted" | "accepted" | "reserving" | "granted";

export class DecodeRoom implements ReceivingRoom, ConnectionHandler {
  readonly done: Promise<Outcome>;
  /** Settles when the room has ended and its connection is closed. */
  readonly closed: Promise<void>;
  readonly #options: ReceiveOptions;
  readonly #lifecycle: RoomLifecycle;
  readonly #blocks: BlockReceiver;
  readonly #connection: FrameConnection;
  readonly #done = Promise.withResolvers<Outcome>();
  readonly #onAbort: () => void;
  #progress: Progress = "greeted";
  #peer: KvPeer | undefined;
  #first: FirstToken | undefined;
  #startedAt = 0;

  /** Connects; throws, with nothing left behind, when the address or the identity cannot be used at all. */
  constructor(options: ReceiveOptions, { identity, tls, counts, lingerMs }: DecodeRoomContext) {
    const { host, port, room, promptTokens, block, signal, trace } = options;
    this.#options = options;
    this.#blocks = new BlockReceiver({
      promptTokens,
      layout: identity.layout,
      block,
      onStart: () => this.#onDataStart(),
      onFrame: (frame) => options.onFrame?.(frame),
    });
    const deadlineMs = options.deadline - systemClock.now();
    const hello = encodeHello(identity, { room, promptTokens, deadlineMs, trace });
    this.#connection = FrameConnection.connect({
      host,
      port,
      tls,
      handler: this,
      data: this.#blocks,
      lingerMs,
    });
    this.#connection.watch(options.onControl);
    options.onControl?.({ type: "hello", direction: "sent" });
    this.#connection.sendBytes(hello);
    this.#lifecycle = new RoomLifecycle(counts);
    this.done = this.#done.promise;
    this.done.catch(() => {}); // A caller may learn of the failure elsewhere.
    this.closed = this.#connection.closed.then(() => this.#lifecycle.retire());
    this.#onAbort = () => this.abort(BatonError.from(signal.reason, "canceled"));
    if (signal.aborted) this.#onAbort();
    else signal.addEventListener("abort", this.#onAbort, { once: true });
  }

  get state(): RoomState {
    return this.#lifecycle.state;
  }

  abort(error: BatonError): void {
    if (this.#lifecycle.ended) return;
    this.#connection.abort(error);
    this.#end("failed");
    this.#done.reject(error);
  }

  onFrame(frame: ControlFrame): void {
    switch (frame.type) {
      case "accept":
        this.#onAccept(frame.fields);
        break;
      case "offer":
        this.#onOffer();
        break;
      case "first_token":
        this.#onFirstToken(frame.fields);
        break;
      case "done":
        this.#onDone(frame.fields);
        break;
      case "abort":
        this.#connection.destroy();
        this.onFailure(abortedByPeer(frame.fields));
        break;
      default:
        throw protocolError(`got frame "${frame.type}", expected one of the prefill side`);
    }
  }

  onFailure(error: BatonError): void {
    const peer = this.#peer ? `"${this.#peer.workerId}" at ` : "";
    const room = formatRoom(this.#options.room);
    this.abort(during(`Cannot receive KV of room "${room}" from ${peer}${this.#connection.address}`, error));
  }

  #onAccept(fields: FrameFields<"accept">): void {
    if (this.#progress !== "greeted") throw protocolError(`got frame "accept" twice`);
    this.#progress = "accepted";
    this.#lifecycle.move("waiting_for_input");
    const { address } = this.#connection;
    this.#peer = { workerId: workerId(fields.workerId), epoch: fields.epoch, address };
    this.#options.onAccepted?.(this.#peer);
  }

  #onOffer(): void {
    if (this.#progress !== "accepted") throw protocolError(`got frame "offer" when "${this.#progress}"`);
    this.#progress = "reserving";
    void this.#reserve();
  }

  async #reserve(): Promise<void> {
    try {
      await this.#options.reserve();
    } catch (reason) {
      this.onFailure(BatonError.from(reason));
      return;
    }
    if (this.#lifecycle.ended) return;
    this.#progress = "granted";
    this.#connection.send("grant", {});
  }

  #onDataStart(): void {
    if (this.#progress !== "granted") throw protocolError(`got frame "data" when "${this.#progress}"`);
    if (this.state === "transferring") return;
    this.#lifecycle.move("transferring");
    this.#startedAt = systemClock.now();
  }

  #onFirstToken(fields: FrameFields<"first_token">): void {
    const { tokens } = this.#blocks.tally;
    if (this.#first) throw protocolError(`got frame "first_token" twice`);
    if (tokens !== this.#options.promptTokens) {
      throw protocolError(
        `got frame "first_token" after KV of ${tokens} tokens, expected ${this.#options.promptTokens}`,
      );
    }
    this.#first = firstTokenOf(fields);
  }

  #onDone(done: FrameFields<"done">): void {
    this.#blocks.checkDone(done);
    if (!this.#first || !this.#peer) throw protocolError(`got frame "done" without "first_token"`);
    this.#connection.send("ack", {});
    this.#connection.finish();
    this.#end("success");
    const { tokens, bytes, frames } = this.#blocks.tally;
    const summary = { tokens, bytes, frames, startedAt: this.#startedAt, endedAt: systemClock.now() };
    this.#done.resolve({ first: this.#first, summary, peer: this.#peer });
  }

  #end(state: "success" | "failed"): void {
    this.#lifecycle.move(state);
    this.#options.signal.removeEventListener("abort", this.#onAbort);
  }
}
