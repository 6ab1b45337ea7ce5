import { crc32 } from "node:zlib";
import type { FrameFields } from "./wire-format.ts";

/**
 * What DATA frames have carried so far, counted alike on both sides and compared in DONE. The checksum is the CRC-32
 * over the frames' own checksums in order, so that a frame that is lost, doubled or swapped shows.
 */
export class TransferTally {
  tokens = 0;
  frames = 0;
  bytes = 0;
  #checksum = 0;

  /** Counts one frame. */
  add(tokens: number, bytes: number, checksum: number): void {
    this.tokens += tokens;
    this.frames += 1;
    this.bytes += bytes;
    const sum = Buffer.alloc(4);
    sum.writeUInt32LE(checksum);
    this.#checksum = crc32(sum, this.#checksum);
  }

  /** As DONE says it. */
  fields(): FrameFields<"done"> {
    return {
      tokens: this.tokens,
      frames: this.frames,
      bytes: BigInt(this.bytes),
      checksum: this.#checksum,
    };
  }
}
