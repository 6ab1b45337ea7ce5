/**
 * Writes protobuf from the end to the beginning: a message is written before its length, which is then known. So nothing
 * is measured beforehand, and nothing is moved.
 */

const VARINT = 0;
const FIXED_64 = 1;
const LENGTH_DELIMITED = 2;
const FIXED_32 = 5;

const FIRST_BYTES = 16 * 1024;
/** Up to here a loop over the characters is faster than a call of native code. */
const SHORT_TEXT = 48;

export class BackwardWriter {
  #bytes = Buffer.allocUnsafeSlow(FIRST_BYTES);
  #at = FIRST_BYTES;

  /** Bytes written so far. */
  get length(): number {
    return this.#bytes.length - this.#at;
  }

  /** Forgets what was written. */
  clear(): void {
    this.#at = this.#bytes.length;
  }

  /** What was written, in memory of its own; the writer is empty again. */
  finish(): Buffer {
    const written = Buffer.allocUnsafeSlow(this.length);
    this.#bytes.copy(written, 0, this.#at);
    this.clear();
    return written;
  }

  /** Ends (as it is written backwards: begins) a message whose fields were written since the writer had `lengthBefore`. */
  message(field: number, lengthBefore: number): void {
    this.#varint(this.length - lengthBefore);
    this.#tag(field, LENGTH_DELIMITED);
  }

  text(field: number, text: string): void {
    const before = this.length;
    if (text.length > SHORT_TEXT || !this.#ascii(text)) {
      const bytes = Buffer.byteLength(text);
      const at = this.#room(bytes);
      this.#bytes.write(text, at, bytes, "utf8");
    }
    this.message(field, before);
  }

  hex(field: number, digits: string): void {
    const before = this.length;
    const bytes = digits.length / 2;
    const at = this.#room(bytes);
    this.#bytes.write(digits, at, bytes, "hex");
    this.message(field, before);
  }

  /** A safe integer, negative ones as int64. */
  integer(field: number, value: number): void {
    if (value >= 0) this.#varint(value);
    else this.#negative(value);
    this.#tag(field, VARINT);
  }

  double(field: number, value: number): void {
    const at = this.#room(8);
    this.#bytes.writeDoubleLE(value, at);
    this.#tag(field, FIXED_64);
  }

  fixed64(field: number, high: number, low: number): void {
    const at = this.#room(8);
    this.#bytes.writeUInt32LE(high, at + 4);
    this.#bytes.writeUInt32LE(low, at);
    this.#tag(field, FIXED_64);
  }

  fixed32(field: number, value: number): void {
    const at = this.#room(4);
    this.#bytes.writeUInt32LE(value, at);
    this.#tag(field, FIXED_32);
  }

  /** Writes a text of ASCII characters; false, and nothing written, for another. */
  #ascii(text: string): boolean {
    let at = this.#room(text.length);
    const bytes = this.#bytes;
    for (let index = 0; index < text.length; index++) {
      const code = text.charCodeAt(index);
      if (code > 127) {
        this.#at += text.length;
        return false;
      }
      bytes[at++] = code;
    }
    return true;
  }

  #tag(field: number, wireType: number): void {
    this.#varint(field * 8 + wireType);
  }

  #varint(value: number): void {
    if (value < 128) {
      const at = this.#room(1);
      this.#bytes[at] = value;
      return;
    }
    let rest = value;
    let bytes = 1;
    for (let left = value; left >= 128; left = Math.floor(left / 128)) bytes++;
    let at = this.#room(bytes);
    for (; rest >= 128; rest = Math.floor(rest / 128)) this.#bytes[at++] = (rest % 128) | 128;
    this.#bytes[at] = rest;
  }

  /** Ten bytes, as 64 bits of two's complement need. */
  #negative(value: number): void {
    let rest = BigInt.asUintN(64, BigInt(value));
    let at = this.#room(10);
    for (let byte = 0; byte < 9; byte++, rest >>= 7n) this.#bytes[at++] = Number(rest & 127n) | 128;
    this.#bytes[at] = Number(rest);
  }

  /** Makes room for so many bytes in front of what is written, and says where they begin. */
  #room(bytes: number): number {
    if (bytes > this.#at) this.#grow(bytes);
    this.#at -= bytes;
    return this.#at;
  }

  #grow(bytes: number): void {
    const { length } = this;
    const larger = Buffer.allocUnsafeSlow(Math.max(2 * this.#bytes.length, length + bytes));
    this.#bytes.copy(larger, larger.length - length, this.#at);
    this.#bytes = larger;
    this.#at = larger.length - length;
  }
}
