/** Cryptographic random bytes, read in blocks: one read costs tens of microseconds, and a request needs several. */
import { randomFillSync } from "node:crypto";

const BLOCK_BYTES = 4096;
const block = Buffer.allocUnsafe(BLOCK_BYTES);
let taken = BLOCK_BYTES;

/** Takes bytes that nobody else gets, at most 4,096. */
export function randomBytes(count: number): Buffer {
  if (taken + count > BLOCK_BYTES) {
    randomFillSync(block);
    taken = 0;
  }
  const bytes = Buffer.from(block.subarray(taken, taken + count));
  block.fill(0, taken, taken + count);
  taken += count;
  return bytes;
}
