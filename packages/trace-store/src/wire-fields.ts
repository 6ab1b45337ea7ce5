/**
 * The fields of an encoded protobuf message, walked without decoding them, and messages put together from fields.
 * For a store that hardly ever looks into what it keeps, decoding every span would be the greater part of its cost.
 */

const VARINT = 0;
const FIXED_64 = 1;
const LENGTH_DELIMITED = 2;
const FIXED_32 = 5;

/**
 * Walks the fields of a message, one at a time: `next`, then what is asked of the field. Every export passes here, so
 * nothing is made for fields that nobody looks at.
 */
export class WireFields {
  /** Number of the field. */
  number = 0;
  readonly #message: Uint8Array;
  #fieldStart = 0;
  #valueStart = 0;
  #end = 0;

  constructor(message: Uint8Array) {
    this.#message = message;
  }

  /** Goes on to the next field; false after the last. @throws Error where the bytes are no message */
  next(): boolean {
    if (this.#end >= this.#message.length) return false;
    this.#fieldStart = this.#end;
    const tag = this.#varint();
    this.number = Math.floor(tag / 8);
    const length = this.#lengthOf(tag % 8);
    this.#end = this.#valueStart + length;
    if (this.#end > this.#message.length) throw malformed(`a field of ${length} bytes goes beyond its end`);
    return true;
  }

  /** Tag, length and value: what another message takes over as it is. */
  get whole(): Uint8Array {
    return this.#message.subarray(this.#fieldStart, this.#end);
  }

  /** The value; of a text, bytes or a message without its length. */
  get value(): Uint8Array {
    return this.#message.subarray(this.#valueStart, this.#end);
  }

  /** Bytes of the value. */
  get length(): number {
    return this.#end - this.#valueStart;
  }

  /** Finds where the value starts, and returns its bytes. */
  #lengthOf(wireType: number): number {
    this.#valueStart = this.#end;
    switch (wireType) {
      case VARINT:
        this.#varint();
        return this.#end - this.#valueStart;
      case FIXED_64:
        return 8;
      case FIXED_32:
        return 4;
      case LENGTH_DELIMITED: {
        const length = this.#varint();
        this.#valueStart = this.#end;
        return length;
      }
      default:
        throw malformed(`there is no wire type ${wireType}`);
    }
  }

  /** Reads a number at the end of what was read so far. */
  #varint(): number {
    let value = 0;
    for (let index = 0; index < 10; index++) {
      const byte = this.#message[this.#end + index];
      if (byte === undefined) break;
      value += (byte & 0x7f) * 2 ** (7 * index);
      if (byte < 0x80) {
        this.#end += index + 1;
        return value;
      }
    }
    throw malformed("a number does not end");
  }
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
