/** Turns frames into bytes and back, by the tables of the wire format. */
import { BatonError } from "@baton/core";
import { protocolError } from "./protocol-error.ts";
import {
  type FieldSpec,
  FRAME_SPECS,
  type FrameFields,
  type FrameType,
  fieldBytes,
  HEADER_BYTES,
  HEADER_FIELDS,
  MAGIC,
  PROTOCOL_VERSION,
} from "./wire-format.ts";

type Value = number | bigint | string | Uint8Array;
type Values = Readonly<Record<string, Value>>;

const utf8 = new TextDecoder("utf-8", { fatal: true });

/**
 * Header and fields of a frame. `bodyBytes` is the length of what the caller writes after it (DATA's keys and values).
 * @throws BatonError `internal` for a string or bytes over the field's limit, RangeError for a number that does not fit.
 */
export function encodeFrame<T extends FrameType>(type: T, values: FrameFields<T>, bodyBytes = 0): Buffer {
  const { code, fields } = FRAME_SPECS[type];
  const frame = Buffer.alloc(HEADER_BYTES + fieldBytes(fields).max);
  const end = writeFields(frame, HEADER_BYTES, fields, values as Values);
  const payloadBytes = end - HEADER_BYTES + bodyBytes;
  writeFields(frame, 0, HEADER_FIELDS, {
    magic: MAGIC,
    version: PROTOCOL_VERSION,
    type: code,
    reserved: 0,
    payloadBytes,
  });
  return frame.subarray(0, end);
}

/** The header's fields, unchecked. */
export function decodeHeader(
  bytes: Uint8Array,
): Readonly<Record<(typeof HEADER_FIELDS)[number]["name"], number>> {
  return readFields(asBuffer(bytes), HEADER_FIELDS) as ReturnType<typeof decodeHeader>;
}

/**
 * The fields of a payload, which must be exactly these fields.
 * @throws BatonError `kv_transfer_failed` for a field that is cut short or too long, bytes left over, bad UTF-8.
 */
export function decodeFields<T extends FrameType>(type: T, payload: Uint8Array): FrameFields<T> {
  return readFields(asBuffer(payload), FRAME_SPECS[type].fields, type) as FrameFields<T>;
}

/** `text` cut to at most `maxBytes` bytes of UTF-8, between characters. */
export function cutText(text: string, maxBytes: number): string {
  const bytes = new Uint8Array(maxBytes);
  const { written } = new TextEncoder().encodeInto(text, bytes);
  return utf8.decode(bytes.subarray(0, written));
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function writeFields(target: Buffer, offset: number, fields: readonly FieldSpec[], values: Values): number {
  let at = offset;
  for (const field of fields) at = writeField(target, at, field, values[field.name]!);
  return at;
}

function writeField(target: Buffer, at: number, field: FieldSpec, value: Value): number {
  switch (field.type) {
    case "u8":
      return target.writeUInt8(value as number, at);
    case "u16":
      return target.writeUInt16LE(value as number, at);
    case "u32":
      return target.writeUInt32LE(value as number, at);
    case "u64":
      return target.writeBigUInt64LE(value as bigint, at);
    case "string":
    case "bytes": {
      const bytes = typeof value === "string" ? Buffer.from(value) : (value as Uint8Array);
      if (bytes.length > field.maxBytes) {
        throw new BatonError(
          "internal",
          `Cannot encode "${field.name}": is ${bytes.length} bytes, expected at most ${field.maxBytes}`,
        );
      }
      target.set(bytes, target.writeUInt16LE(bytes.length, at));
      return at + 2 + bytes.length;
    }
  }
}

function readFields(source: Buffer, fields: readonly FieldSpec[], frame = "header"): Values {
  const values: Record<string, Value> = {};
  let at = 0;
  for (const field of fields) {
    const { value, end } = readField(source, at, field, frame);
    values[field.name] = value;
    at = end;
  }
  if (at !== source.length) {
    throw protocolError(`frame "${frame}" has ${source.length - at} bytes after its last field, expected 0`);
  }
  return values;
}

function readField(
  source: Buffer,
  at: number,
  field: FieldSpec,
  frame: string,
): { value: Value; end: number } {
  const size = sizeOfField(source, at, field);
  if (size === undefined || at + size > source.length) {
    throw protocolError(`frame "${frame}" ends inside of "${field.name}", after ${source.length} bytes`);
  }
  return { value: valueOfField(source, at, field, size, frame), end: at + size };
}

/** Bytes the field takes, or undefined when its length is cut off. */
function sizeOfField(source: Buffer, at: number, field: FieldSpec): number | undefined {
  if (!("maxBytes" in field)) return fieldBytes([field]).max;
  return at + 2 > source.length ? undefined : 2 + source.readUInt16LE(at);
}

function valueOfField(source: Buffer, at: number, field: FieldSpec, size: number, frame: string): Value {
  switch (field.type) {
    case "u8":
      return source.readUInt8(at);
    case "u16":
      return source.readUInt16LE(at);
    case "u32":
      return source.readUInt32LE(at);
    case "u64":
      return source.readBigUInt64LE(at);
    case "string":
    case "bytes": {
      if (size - 2 > field.maxBytes) {
        throw protocolError(
          `"${field.name}" of frame "${frame}" is ${size - 2} bytes, expected at most ${field.maxBytes}`,
        );
      }
      const bytes = source.subarray(at + 2, at + size);
      return field.type === "bytes" ? bytes : decodeText(bytes, field.name, frame);
    }
  }
}

function decodeText(bytes: Uint8Array, field: string, frame: string): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw protocolError(`"${field}" of frame "${frame}" is not UTF-8`);
  }
}
