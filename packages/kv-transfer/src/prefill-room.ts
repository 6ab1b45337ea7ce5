/**
 * Prefill side of one room: takes what the engine says is final, hands it to the decode worker that claims the room.
 *
 *   R1  The room ends once, by the ACK or by the first failure; a failure on this side is told to the peer.
 *   R2  No DATA is sent before GRANT, so that the decode worker takes memory only for KV that exists.
 *   R3  FIRST_TOKEN and DONE follow the last DATA; an ACK before them is a failure.
 *   R4  `closed` settles only after the room has ended and the socket has let go of every block.
 *   R5  What a callback throws ends this room, and only this room.
 */
import { BatonError, formatRoom, type KvLayout, systemClock, type WorkerId } from "@baton/core";
import { BlockSender } from "./block-sender.ts";
import { firstTokenFields } from "./first-token.ts";
import { abortedByPeer, type ConnectionHandler, type FrameConnection } from "./frame-connection.ts";
import { checkLayout, checkPrompt } from "./hello.ts";
import { during, protocolError } from "./protocol-error.ts";
import type { RoomClaim } from "./room-claim.ts";
import { type RoomCounts, RoomLifecycle } from "./room-lifecycle.ts";
import type {
  FirstToken,
  FrameRecord,
  OpenRoomOptions,
  RoomState,
  SendingRoom,
  TransferSummary,
} from "./transfer-api.ts";
import type { ControlFrame } from "./wire-format.ts";

/** What all rooms of a server share. */
export interface PrefillRoomContext {
  readonly workerId: WorkerId;
  readonly epoch: string;
  readonly layout: KvLayout;
  readonly maxInFlightBytes: number;
  readonly counts: RoomCounts;
  /** Called once, as the room ends; `error` is absent on success. */
  readonly onEnded: (room: PrefillRoom, error?: BatonError) => void;
}

/** How far a room got with its peer. */
type Progress = "unclaimed" | "accepted" | "offered" | "granted" | "all-sent" | "acknowledged";

export class PrefillRoom implements SendingRoom, ConnectionHandler {
  readonly room: SendingRoom["room"];
  readonly done: Promise<TransferSummary>;
  readonly closed: Promise<void>;
  readonly #options: OpenRoomOptions;
  readonly #context: PrefillRoomContext;
  readonly #lifecycle: RoomLifecycle;
  readonly #sender: BlockSender;
  readonly #done = Promise.withResolvers<TransferSummary>();
  readonly #closed = Promise.withResolvers<void>();
  readonly #onAbort: () => void;
  #progress: Progress = "unclaimed";
  #claim: RoomClaim | undefined;
  #first: FirstToken | undefined;
  #startedAt = 0;

  constructor(options: OpenRoomOptions, context: PrefillRoomContext) {
    const { room, promptTokens, block } = options;
    const { layout, maxInFlightBytes } = context;
    this.room = room;
    this.done = this.#done.promise;
    this.done.catch(() => {}); // A caller may learn of the failure elsewhere and only wait for `closed`.
    this.closed = this.#closed.promise;
    this.#options = options;
    this.#context = context;
    this.#lifecycle = new RoomLifecycle(context.counts);
    const onWritten = (frame: FrameRecord | undefined) => this.#guard(() => this.#onWritten(frame));
    this.#sender = new BlockSender({ promptTokens, layout, block, maxInFlightBytes, onWritten });
    this.#onAbort = () => this.abort(BatonError.from(options.signal.reason, "canceled"));
  }

  get state(): RoomState {
    return this.#lifecycle.state;
  }

  get claimed(): boolean {
    return this.#claim !== undefined;
  }

  /** Starts to obey the signal, which may already be aborted. */
  start(): void {
    if (this.#options.signal.aborted) this.#onAbort();
    else this.#options.signal.addEventListener("abort", this.#onAbort, { once: true });
  }

  /** Gives the room to the decode worker that claims it. A claim that does not fit ends the room on both sides. */
  accept(claim: RoomClaim): void {
    this.#claim = claim;
    claim.connection.attach(this);
    claim.connection.watch(this.#options.onControl);
    this.#guard(() => {
      const { layout, workerId, epoch } = this.#context;
      checkLayout(claim.hello, layout);
      checkPrompt(claim.hello, this.#options.promptTokens, layout.blockSize);
      this.#sender.skip(claim.hello.heldTokens);
      claim.connection.send("accept", { workerId, epoch });
      this.#progress = "accepted";
      this.#lifecycle.move("waiting_for_input");
      this.#options.onPeer?.(claim.peer, claim.trace);
      this.#pump();
    });
  }

  push(tokens: number): void {
    if (this.#lifecycle.ended) return;
    const { pushedTokens } = this.#sender;
    const { promptTokens } = this.#options;
    if (tokens < pushedTokens || tokens > promptTokens) {
      throw this.#misuse(`push ${tokens} tokens`, `expected ${pushedTokens} to ${promptTokens}`);
    }
    this.#sender.push(tokens);
    this.#guard(() => this.#pump());
  }

  finish(first: FirstToken): void {
    if (this.#lifecycle.ended) return;
    const { pushedTokens } = this.#sender;
    const { promptTokens } = this.#options;
    if (pushedTokens !== promptTokens) {
      throw this.#misuse("finish", `${pushedTokens} tokens are pushed, expected ${promptTokens}`);
    }
    this.#first = first;
    this.#guard(() => this.#pump());
  }

  abort(error: BatonError): void {
    if (this.#lifecycle.ended) return;
    this.#claim?.connection.abort(error);
    this.#lifecycle.move("failed");
    this.#done.reject(error);
    this.#onEnd(error);
  }

  onFrame(frame: ControlFrame): void {
    this.#guard(() => {
      switch (frame.type) {
        case "grant":
          this.#onGrant();
          break;
        case "ack":
          this.#onAck();
          break;
        case "abort":
          this.#claim?.connection.destroy(); // The peer knows; what is still queued has no reader.
          throw abortedByPeer(frame.fields);
        default:
          throw protocolError(`got frame "${frame.type}", expected "grant" or "ack"`);
      }
    });
  }

  onFailure(error: BatonError): void {
    this.abort(during(this.#action(), error));
  }

  /** Runs a step of the room (R5). */
  #guard(step: () => void): void {
    try {
      step();
    } catch (reason) {
      this.onFailure(BatonError.from(reason));
    }
  }

  #action(): string {
    const action = `Cannot send KV of room "${formatRoom(this.room)}"`;
    return this.#claim
      ? `${action} to "${this.#claim.peer.workerId}" at ${this.#claim.peer.address}`
      : action;
  }

  #misuse(action: string, detail: string): BatonError {
    return new BatonError("internal", `Cannot ${action} in room "${formatRoom(this.room)}": ${detail}`);
  }

  #onGrant(): void {
    if (this.#progress !== "offered") throw protocolError(`got frame "grant" without an offer that waits`);
    this.#progress = "granted";
    this.#pump();
  }

  #onAck(): void {
    if (this.#progress !== "all-sent") {
      throw protocolError(`got frame "ack" after ${this.#sender.tally.tokens} tokens, before all was sent`);
    }
    this.#progress = "acknowledged";
    this.#claim?.connection.finish();
    this.#succeedWhenIdle();
  }

  #onWritten(frame: FrameRecord | undefined): void {
    if (frame && !this.#lifecycle.ended) this.#options.onFrame?.(frame);
    this.#pump();
    this.#succeedWhenIdle();
    this.#closeWhenIdle();
  }

  /** Sends whatever may be sent now. */
  #pump(): void {
    const connection = this.#claim?.connection;
    if (!connection || this.#lifecycle.ended) return;
    if (this.#progress === "accepted" && this.#sender.hasMore) {
      this.#progress = "offered";
      connection.send("offer", {});
    }
    if (this.#progress === "granted" && this.#sender.hasMore) {
      this.#startTransfer();
      this.#sender.pump(connection);
    }
    if (this.#progress !== "all-sent" && this.#first && this.#sender.complete) {
      this.#sendEnd(connection, this.#first);
    }
  }

  #startTransfer(): void {
    if (this.state === "transferring") return;
    this.#lifecycle.move("transferring");
    this.#startedAt = systemClock.now();
  }

  #sendEnd(connection: FrameConnection, first: FirstToken): void {
    this.#startTransfer(); // For a peer that held the whole prompt already.
    this.#progress = "all-sent";
    connection.send("first_token", firstTokenFields(first));
    connection.send("done", this.#sender.tally.fields());
  }

  /** The ACK can be read before the callback of the last write, whose frame record belongs before the end. */
  #succeedWhenIdle(): void {
    if (this.#progress !== "acknowledged" || !this.#sender.idle || this.#lifecycle.ended) return;
    const { tokens, bytes, frames } = this.#sender.tally;
    this.#lifecycle.move("success");
    this.#done.resolve({
      tokens,
      bytes,
      frames,
      startedAt: this.#startedAt,
      endedAt: systemClock.now(),
    });
    this.#onEnd();
  }

  #onEnd(error?: BatonError): void {
    this.#options.signal.removeEventListener("abort", this.#onAbort);
    this.#context.onEnded(this, error);
    this.#closeWhenIdle();
    const connectionClosed = this.#claim?.connection.closed ?? Promise.resolve();
    void connectionClosed.then(() => this.#lifecycle.retire());
  }

  #closeWhenIdle(): void {
    if (this.#lifecycle.ended && this.#sender.idle) this.#closed.resolve();
  }
}
