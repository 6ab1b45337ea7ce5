import type { BatonError, BootstrapRoom, ExternalTraceHeader, SampledToken, WorkerId } from "@baton/core";

/** The states of a room on either side; the last two are sticky. */
export type RoomState = "bootstrapping" | "waiting_for_input" | "transferring" | "success" | "failed";

/** Who is at the other end, as its HELLO or ACCEPT says. */
export interface KvPeer {
  readonly workerId: WorkerId;
  readonly epoch: string;
  /** `host:port` of the socket. */
  readonly address: string;
}

/** The first token of the answer, sampled by the prefill worker, which travels with the KV. */
export interface FirstToken extends SampledToken {
  /** Prompt tokens that the prefill worker found in its prefix cache. */
  readonly cachedTokens: number;
}

/** One DATA frame, for traces: it carried the KV of tokens [start, start + count). */
export interface FrameRecord {
  readonly start: number;
  readonly count: number;
  readonly bytes: number;
  /** Epoch ms: sending, from the write to its completion; receiving, from the header to the last byte. */
  readonly startedAt: number;
  readonly endedAt: number;
}

/** A frame other than DATA that crossed the connection, for traces. */
export interface ControlRecord {
  /** As the wire format names it: "hello", "offer", …. */
  readonly type: string;
  readonly direction: "sent" | "received";
}

/** What a finished hand-over moved. */
export interface TransferSummary {
  readonly tokens: number;
  /** Payload bytes of all DATA frames. */
  readonly bytes: number;
  readonly frames: number;
  /** Epoch ms of the first DATA byte and of the ACK. */
  readonly startedAt: number;
  readonly endedAt: number;
}

/** Prefill side: a room to serve. */
export interface OpenRoomOptions {
  readonly room: BootstrapRoom;
  /** Prompt tokens whose KV will be sent in all. */
  readonly promptTokens: number;
  /** Bytes of the i-th block of the prompt; valid from `push` until the room's `closed` settles. */
  readonly block: (index: number) => Uint8Array;
  /** Aborts the room with the signal's reason. The deadline is part of it. */
  readonly signal: AbortSignal;
  /** Called when the decode worker's HELLO is accepted. */
  readonly onPeer?: (peer: KvPeer, trace: ExternalTraceHeader | undefined) => void;
  readonly onFrame?: (frame: FrameRecord) => void;
  /** Told of every frame but DATA, from the HELLO's acceptance on. Must not throw. */
  readonly onControl?: ((frame: ControlRecord) => void) | undefined;
}

/** Prefill side: a room being served. */
export interface SendingRoom {
  readonly room: BootstrapRoom;
  readonly state: RoomState;
  /** Says that the KV of the prompt's first `tokens` tokens is final. Whole blocks are sent at once, the rest with the last call. */
  push(tokens: number): void;
  /** Says what the first token is; sent after the last DATA, followed by DONE. All tokens must have been pushed. */
  finish(first: FirstToken): void;
  /** Resolves on ACK; rejects with the BatonError that ended the room. */
  readonly done: Promise<TransferSummary>;
  /** Settles, never rejects, once no more bytes will be read from the blocks: only then may they be released. */
  readonly closed: Promise<void>;
  /** Tells the peer (ABORT with code and text) and fails the room. Safe at any time. */
  abort(error: BatonError): void;
}

/** Decode side: a room to fetch. */
export interface ReceiveOptions {
  readonly host: string;
  readonly port: number;
  readonly room: BootstrapRoom;
  readonly promptTokens: number;
  /** Epoch ms after which nobody waits; tells the prefill worker how long to keep a room that it does not know yet. */
  readonly deadline: number;
  readonly trace?: ExternalTraceHeader | undefined;
  /** Called once, when the first KV is ready to be sent; none is sent until it resolves. Rejection fails the room. */
  readonly reserve: () => Promise<void>;
  /** Bytes of the i-th block of the prompt; valid from `reserve` until `done` settles. */
  readonly block: (index: number) => Uint8Array;
  /** Aborts the room with the signal's reason. The deadline is part of it. */
  readonly signal: AbortSignal;
  /** HELLO was accepted: layouts, model and version match. */
  readonly onAccepted?: (peer: KvPeer) => void;
  readonly onFrame?: (frame: FrameRecord) => void;
  /** Told of every frame but DATA, the HELLO included. Must not throw. */
  readonly onControl?: ((frame: ControlRecord) => void) | undefined;
}

/** Decode side: a room being fetched. */
export interface ReceivingRoom {
  readonly state: RoomState;
  /** Resolves once every token's KV, checked, is in the blocks; rejects with the BatonError that ended the room. No byte is written to the blocks after it settles. */
  readonly done: Promise<{
    readonly first: FirstToken;
    readonly summary: TransferSummary;
    readonly peer: KvPeer;
  }>;
  /** Tells the peer and fails the room. Safe at any time. */
  abort(error: BatonError): void;
}

/** Counts at one moment; at rest rooms and connections are all zero. */
export interface KvTransferStatus {
  readonly rooms: Readonly<Record<RoomState, number>>;
  readonly connections: number;
}

/** Prefill side: serves rooms to the decode workers that connect. */
export interface KvServer {
  /** Starts to accept connections; port 0 takes a free one. Throws BatonError `unavailable` when the address cannot be used. */
  listen(host: string, port: number): Promise<{ readonly host: string; readonly port: number }>;
  /**
   * Serves a room, whether its decode worker is already waiting or still to come.
   * @throws BatonError `room_conflict` when the room is open or was handed over; the reason of its failure when it
   *   failed, or when its decode worker was refused or left before; `unavailable` once the server is closing.
   */
  open(options: OpenRoomOptions): SendingRoom;
  status(): KvTransferStatus;
  /** Aborts every room with `unavailable` and resolves when nothing is open any more. */
  close(): Promise<void>;
}

/** Decode side: fetches rooms. */
export interface KvReceiver {
  /** Connects and fetches a room. Throws BatonError `unavailable` once the receiver is closing. */
  receive(options: ReceiveOptions): ReceivingRoom;
  status(): KvTransferStatus;
  /** Aborts every room with `unavailable` and resolves when nothing is open any more. */
  close(): Promise<void>;
}
