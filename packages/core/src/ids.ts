/** Branded identifiers: a value of one kind cannot be passed where another is meant. */

declare const brand: unique symbol;
type Branded<T, Name extends string> = T & { readonly [brand]: Name };

/** A client's request, `req-` and 32 lower-case hex digits unless the client named it (`x-request-id`). */
export type RequestId = Branded<string, "RequestId">;
/** One run of one request's tokens in one worker's scheduler. */
export type SequenceId = Branded<string, "SequenceId">;
/** A worker's stable name, for example `prefill-0`. */
export type WorkerId = Branded<string, "WorkerId">;
/** Index of a block in a worker's KV memory, 0 … blocks-1. */
export type BlockId = Branded<number, "BlockId">;
/** Names one hand-over of one KV cache: 63 random bits, drawn by the router, unique per attempt. */
export type BootstrapRoom = Branded<bigint, "BootstrapRoom">;

const MAX_ROOM = (1n << 63n) - 1n;

/** Brands a string as a request id. */
export function requestId(value: string): RequestId {
  return value as RequestId;
}

/** Brands a string as a sequence id. */
export function sequenceId(value: string): SequenceId {
  return value as SequenceId;
}

/** Brands a string as a worker id. */
export function workerId(value: string): WorkerId {
  return value as WorkerId;
}

/** Brands a number as a block id. */
export function blockId(value: number): BlockId {
  return value as BlockId;
}

/** Brands a bigint as a room; throws RangeError outside 1 … 2^63-1 (0 is never a room). */
export function bootstrapRoom(value: bigint): BootstrapRoom {
  if (value < 1n || value > MAX_ROOM) {
    throw new RangeError(`Cannot use ${value} as a bootstrap room: expected 1 to ${MAX_ROOM}`);
  }
  return value as BootstrapRoom;
}

/** The room as people and traces see it: 16 lower-case hex digits. */
export function formatRoom(room: BootstrapRoom): string {
  return room.toString(16).padStart(16, "0");
}
