/**
 * Owns sets of characters: ASCII characters one by one, all others together or not at all. XGrammar takes the ends of a
 * range in a class for bytes, and a class that says what it is not also for bytes that are no UTF-8; so characters beyond
 * ASCII are written as what they are, bytes. A single one in brackets would be a character again: ranges of two bytes
 * stand for it where both may begin with what follows.
 */
import { escaped, type GrammarRules } from "./grammar-rules.ts";

/** First and last code point, ASCII. */
export type CharacterRange = readonly [number, number];

const LAST_ASCII = 0x7f;
const CODES = Array.from({ length: LAST_ASCII + 1 }, (_, code) => code);
const TAIL = "[\\x80-\\xbf]";
const BEYOND_ASCII = [
  `[\\xc2-\\xdf] ${TAIL}`,
  `[\\xe0-\\xe1] [\\xa0-\\xbf] ${TAIL}`,
  `[\\xe1-\\xec] ${TAIL} ${TAIL}`,
  `[\\xec-\\xed] [\\x80-\\x9f] ${TAIL}`,
  `[\\xee-\\xef] ${TAIL} ${TAIL}`,
  `[\\xf0-\\xf1] [\\x90-\\xbf] ${TAIL} ${TAIL}`,
  `[\\xf1-\\xf3] ${TAIL} ${TAIL} ${TAIL}`,
  `[\\xf3-\\xf4] [\\x80-\\x8f] ${TAIL} ${TAIL}`,
].join(" | ");

/** A character beyond ASCII, well-formed UTF-8. */
export function beyondAscii(rules: GrammarRules): string {
  return rules.named("beyond_ascii", () => BEYOND_ASCII);
}

/** An ASCII character that JSON strings have as itself. */
export const PLAIN_ASCII = classOf(CODES.filter(isSafe));

/** One of these characters, or any but these, of those that JSON strings have as themselves; undefined: none is left. */
export function characterClass(
  rules: GrammarRules,
  ranges: readonly CharacterRange[],
  negated: boolean,
): string | undefined {
  const isNamed = (code: number) => ranges.some(([from, to]) => from <= code && code <= to);
  const codes = CODES.filter((code) => isSafe(code) && isNamed(code) !== negated);
  if (!negated) return codes.length === 0 ? undefined : classOf(codes);
  return codes.length === 0 ? beyondAscii(rules) : `(${classOf(codes)} | ${beyondAscii(rules)})`;
}

function isSafe(code: number): boolean {
  return code >= 0x20 && code !== 0x22 && code !== 0x5c;
}

/** Neighbours as ranges. */
function classOf(codes: readonly number[]): string {
  let text = "";
  for (let first = 0, last = 0; first < codes.length; first = last + 1) {
    last = first;
    while (codes[last + 1] === codes[last]! + 1) last++;
    text += spell(codes[first]!) + (last > first ? `-${spell(codes[last]!)}` : "");
  }
  return `[${text}]`;
}

function spell(code: number): string {
  return escaped(String.fromCodePoint(code));
}
