/**
 * Trace and span ids from the full 128 and 64 bits of a cryptographic source, read in blocks because one read costs
 * microseconds; or the id that was chosen for the next span (see span-key.ts).
 */
import { randomFillSync } from "node:crypto";

const TRACE_ID_BYTES = 16;
const SPAN_ID_BYTES = 8;
const BLOCK_BYTES = 4096;

/** An id generator as the SDK wants one. */
export class CryptoIdGenerator {
  readonly #block = Buffer.allocUnsafe(BLOCK_BYTES);
  #offset = BLOCK_BYTES;
  #chosen: string | undefined;

  /** 32 lower-case hex digits, not all zero. */
  readonly generateTraceId = (): string => this.#nonZeroHex(TRACE_ID_BYTES);

  /** 16 lower-case hex digits, not all zero. */
  readonly generateSpanId = (): string => {
    const chosen = this.#chosen;
    this.#chosen = undefined;
    return chosen ?? this.#nonZeroHex(SPAN_ID_BYTES);
  };

  /** Runs `start`, in which the first span id that is asked for is `spanId`. */
  with<T>(spanId: string, start: () => T): T {
    this.#chosen = spanId;
    try {
      return start();
    } finally {
      this.#chosen = undefined;
    }
  }

  #nonZeroHex(bytes: number): string {
    for (;;) {
      const id = this.#hex(bytes);
      if (/[^0]/.test(id)) return id;
    }
  }

  #hex(bytes: number): string {
    if (this.#offset + bytes > BLOCK_BYTES) {
      randomFillSync(this.#block);
      this.#offset = 0;
    }
    const start = this.#offset;
    this.#offset += bytes;
    return this.#block.toString("hex", start, this.#offset);
  }
}
