/**
 * Span ids that two processes can both work out, so that one can link to a span of the other without being told its
 * id. A key names one span of a trace; where it contains a room, which is 63 random bits and used once, it is unique
 * over all traces too. Ids stay 64 bits of a cryptographic function of random input.
 */
import { hash } from "node:crypto";

const ID_DIGITS = 16;

/** 16 hex digits. */
export function spanIdOf(traceId: string, key: string): string {
  return hash("sha256", `${traceId}/${key}`, "hex").slice(0, ID_DIGITS);
}
