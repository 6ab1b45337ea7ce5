/**
 * The fields of an encoded protobuf message, walked without decoding them, and messages put together from fields.
 * For a store that hardly ever looks into what it keeps, decoding every span would be the greater part of its cost.
 */

/** A field of a message: number, and where its bytes are. */
export interface WireField {
  readonly number: number;
  /** Tag, length and value: what another message takes over as it is. */
  readonly whole: Uint8Array;
  /** The value; of a text, bytes or a message without its length. */
  readonly value: Uint8Array;
}

const VARINT = 0;
const FIXED_64 = 1;
const LENGTH_DELIMITED = 2;
const FIXED_32 = 5;

/** @throws Error where the bytes are no message */
export function* fieldsOf(message: Uint8Array): Generator<WireField, void, void> {
  let at = 0;
  while (at < message.length) {
    const tag = readVarint(message, at);
    const [start, length] = extentOf(message, tag.value % 8, tag.end);
    const end = start + length;
    if (end > message.length) throw malformed(`a field of ${length} bytes goes beyond its end`);
    const number = Math.floor(tag.value / 8);
    yield { number, whole: message.subarray(at, end), value: message.subarray(start, end) };
    at = end;
  }
}

/** Where a value starts, and its bytes. */
function extentOf(
  message: Uint8Array,
  wireType: number,
  at: number,
): readonly [start: number, length: number] {
  switch (wireType) {
    case VARINT:
      return [at, readVarint(message, at).end - at];
    case FIXED_64:
      return [at, 8];
    case FIXED_32:
      return [at, 4];
    case LENGTH_DELIMITED: {
      const length = readVarint(message, at);
      return [length.end, length.value];
    }
    default:
      throw malformed(`there is no wire type ${wireType}`);
  }
}

function readVarint(message: Uint8Array, at: number): { readonly value: number; readonly end: number } {
  let value = 0;
  for (let index = 0; index < 10; index++) {
    const byte = message[at + index];
    if (byte === undefined) break;
    value += (byte & 0x7f) * 2 ** (7 * index);
    if (byte < 0x80) return { value, end: at + index + 1 };
  }
  throw malformed("a number does not end");
}

function malformed(problem: string): Error {
  return new Error(`Cannot read the export: ${problem}`);
}

/** A field that holds a message made of these pieces. */
export function messageField(number: number, pieces: readonly Uint8Array[]): Uint8Array {
  const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
  const head = [...varint(number * 8 + LENGTH_DELIMITED), ...varint(length)];
  const field = new Uint8Array(head.length + length);
  field.set(head);
  let at = head.length;
  for (const piece of pieces) {
    field.set(piece, at);
    at += piece.length;
  }
  return field;
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
  return [...bytes, rest];
}
