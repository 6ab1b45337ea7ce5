/**
 * Owns sets of characters: ASCII characters one by one, all others together or not at all, because XGrammar takes the ends
 * of a range for bytes. A class that has the others is said by what it is not.
 */
import { escaped } from "./grammar-rules.ts";

/** First and last code point, ASCII. */
export type CharacterRange = readonly [number, number];

const LAST_ASCII = 0x7f;

/** A class of these ranges, or of all characters but these, without those that JSON escapes; undefined: none is left. */
export function characterClass(ranges: readonly CharacterRange[], negated: boolean): string | undefined {
  const isNamed = (code: number) => ranges.some(([from, to]) => from <= code && code <= to);
  const isMember = (code: number) => isSafe(code) && isNamed(code) !== negated;
  const codes = Array.from({ length: LAST_ASCII + 1 }, (_, code) => code);
  const listed = codes.filter((code) => isMember(code) !== negated);
  if (listed.length === 0) return undefined;
  return `[${negated ? "^" : ""}${listed.map((code) => escaped(String.fromCodePoint(code))).join("")}]`;
}

/** Whether JSON strings have it as itself. */
function isSafe(code: number): boolean {
  return code >= 0x20 && code !== 0x22 && code !== 0x5c;
}
