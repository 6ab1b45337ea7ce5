/**
 * What travels on a KV connection, as tables: the codec works from them and a test compares them with DESIGN.md.
 * All integers are little-endian. A `string` or `bytes` field is a u16 byte length and that many bytes (UTF-8).
 */

import { MAX_TOP_LOGPROBS } from "@baton/core";

/** First bytes of every frame: "BTKV" read as a little-endian u32. */
export const MAGIC = 0x564b5442;
/** Raised by any change that an older peer would misread. */
export const PROTOCOL_VERSION = 3;

/** Bounds that senders must respect by themselves, because the values are not their own. */
export const MAX_TRACEPARENT_BYTES = 256;
export const MAX_TRACESTATE_BYTES = 4096;
export const MAX_ABORT_TEXT_BYTES = 1024;
/** One f32, and a u32 and an f32 for each of at most `MAX_TOP_LOGPROBS` tokens. */
const MAX_LOGPROBS_BYTES = 4 + 8 * MAX_TOP_LOGPROBS;

interface IntegerField {
  readonly name: string;
  readonly type: "u8" | "u16" | "u32" | "u64";
}

interface SizedField {
  readonly name: string;
  readonly type: "string" | "bytes";
  /** Most bytes, without the u16 length. */
  readonly maxBytes: number;
}

export type FieldSpec = IntegerField | SizedField;

interface FrameSpec {
  /** The header's `type`. */
  readonly code: number;
  /** Which side sends it. */
  readonly from: "decode" | "prefill" | "either";
  readonly fields: readonly FieldSpec[];
}

/** The fixed start of every frame. */
export const HEADER_FIELDS = [
  { name: "magic", type: "u32" },
  { name: "version", type: "u8" },
  { name: "type", type: "u8" },
  { name: "reserved", type: "u16" },
  { name: "payloadBytes", type: "u32" },
] as const satisfies readonly IntegerField[];

/** The payload of each frame type. After DATA's fields come raw keys and values, up to the end of the payload. */
export const FRAME_SPECS = {
  hello: {
    code: 1,
    from: "decode",
    fields: [
      { name: "room", type: "u64" },
      { name: "deadlineMs", type: "u32" },
      { name: "promptTokens", type: "u32" },
      { name: "heldTokens", type: "u32" },
      { name: "layers", type: "u32" },
      { name: "kvHeads", type: "u32" },
      { name: "headDim", type: "u32" },
      { name: "blockSize", type: "u32" },
      { name: "dtype", type: "string", maxBytes: 32 },
      { name: "modelHash", type: "string", maxBytes: 256 },
      { name: "workerId", type: "string", maxBytes: 256 },
      { name: "epoch", type: "string", maxBytes: 256 },
      { name: "traceparent", type: "string", maxBytes: MAX_TRACEPARENT_BYTES },
      { name: "tracestate", type: "string", maxBytes: MAX_TRACESTATE_BYTES },
      { name: "proof", type: "bytes", maxBytes: 32 },
    ],
  },
  accept: {
    code: 2,
    from: "prefill",
    fields: [
      { name: "workerId", type: "string", maxBytes: 256 },
      { name: "epoch", type: "string", maxBytes: 256 },
    ],
  },
  offer: { code: 3, from: "prefill", fields: [] },
  grant: { code: 4, from: "decode", fields: [] },
  data: {
    code: 5,
    from: "prefill",
    fields: [
      { name: "start", type: "u32" },
      { name: "count", type: "u32" },
      { name: "checksum", type: "u32" },
    ],
  },
  first_token: {
    code: 6,
    from: "prefill",
    fields: [
      { name: "tokenId", type: "u32" },
      { name: "cachedTokens", type: "u32" },
      { name: "logprobs", type: "bytes", maxBytes: MAX_LOGPROBS_BYTES },
    ],
  },
  done: {
    code: 7,
    from: "prefill",
    fields: [
      { name: "tokens", type: "u32" },
      { name: "frames", type: "u32" },
      { name: "bytes", type: "u64" },
      { name: "checksum", type: "u32" },
    ],
  },
  ack: { code: 8, from: "decode", fields: [] },
  abort: {
    code: 9,
    from: "either",
    fields: [
      { name: "code", type: "string", maxBytes: 64 },
      { name: "text", type: "string", maxBytes: MAX_ABORT_TEXT_BYTES },
    ],
  },
} as const satisfies Record<string, FrameSpec>;

export type FrameType = keyof typeof FRAME_SPECS;

interface FieldValues {
  readonly u8: number;
  readonly u16: number;
  readonly u32: number;
  readonly u64: bigint;
  readonly string: string;
  readonly bytes: Uint8Array;
}

/** The fields of a frame type, by name. */
export type FrameFields<T extends FrameType> = {
  readonly [F in (typeof FRAME_SPECS)[T]["fields"][number] as F["name"]]: FieldValues[F["type"]];
};

/** A received frame other than DATA, whose bytes never exist as one piece. */
export type ControlFrame = {
  readonly [T in Exclude<FrameType, "data">]: {
    readonly type: T;
    readonly fields: FrameFields<T>;
    /** Header and payload as they came. */
    readonly bytes: Uint8Array;
  };
}[Exclude<FrameType, "data">];

const INTEGER_BYTES = { u8: 1, u16: 2, u32: 4, u64: 8 } as const;

/** Fewest and most bytes of a list of fields. */
export function fieldBytes(fields: readonly FieldSpec[]): { readonly min: number; readonly max: number } {
  let min = 0;
  let max = 0;
  for (const field of fields) {
    const fixed = "maxBytes" in field ? 2 : INTEGER_BYTES[field.type];
    min += fixed;
    max += "maxBytes" in field ? fixed + field.maxBytes : fixed;
  }
  return { min, max };
}

/** Bytes of the header. */
export const HEADER_BYTES = fieldBytes(HEADER_FIELDS).max;
/** Bytes of DATA's fields, before the keys and values. */
export const DATA_HEAD_BYTES = fieldBytes(FRAME_SPECS.data.fields).max;

/** The frame type with this code, if there is one. */
export function frameTypeOf(code: number): FrameType | undefined {
  return (Object.keys(FRAME_SPECS) as FrameType[]).find((type) => FRAME_SPECS[type].code === code);
}
