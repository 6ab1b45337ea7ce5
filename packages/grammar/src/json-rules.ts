/**
 * Owns how JSON is written: on one line, `, ` and `: ` between its parts, at most 15 digits on either side of a point.
 * One way to write each value keeps grammars small, and a model cannot go on with spaces for ever.
 */
import { beyondAscii, PLAIN_ASCII } from "./character-class.ts";
import { anyOf, type GrammarRules, literal } from "./grammar-rules.ts";

/** Most digits before and after the point of a number: about what a double holds. */
export const MAX_DIGITS = 15;

/** What may follow a backslash, apart from hexadecimal digits. */
const SHORT_ESCAPE = '["\\\\/bfnrt]';

/**
 * Any string. The rule calls itself, and says what follows a string: with a star in its place, masks take a thousand
 * times as long.
 */
export function anyString(rules: GrammarRules): string {
  const hex = "[0-9a-fA-F]";
  const escaped = rules.named("escape", () => `${SHORT_ESCAPE} | "u" ${hex} ${hex} ${hex} ${hex}`);
  const rest = rules.named(
    "string_rest",
    () =>
      `("\\"" | ${PLAIN_ASCII} string_rest | ${beyondAscii(rules)} string_rest | "\\\\" ${escaped} string_rest) (=[,}\\]:])`,
  );
  return rules.named("string", () => `"\\"" ${rest}`);
}

/** A string of so many characters, none of them written in hexadecimal: two of those may be one character. */
export function boundedString(rules: GrammarRules, from: number, to: number | undefined): string {
  const character = rules.named(
    "character",
    () => `${PLAIN_ASCII} | ${beyondAscii(rules)} | "\\\\" ${SHORT_ESCAPE}`,
  );
  const rest = `${character}{${from},${to ?? ""}}`;
  return rules.add(`"\\"" ${rest} "\\""`);
}

export function anyInteger(rules: GrammarRules): string {
  return rules.named("integer", () => `"0" | "-"? [1-9] [0-9]{0,${MAX_DIGITS - 1}}`);
}

export function anyNumber(rules: GrammarRules): string {
  return rules.named(
    "number",
    () =>
      `"-"? ("0" | [1-9] [0-9]{0,${MAX_DIGITS - 1}}) ("." [0-9]{1,${MAX_DIGITS}})? ([eE] [+-]? [0-9]{1,2})?`,
  );
}

export function anyBoolean(): string {
  return '("true" | "false")';
}

function anyArray(rules: GrammarRules): string {
  return arrayOf(rules, () => anyValue(rules));
}

export function anyObject(rules: GrammarRules): string {
  return rules.named("object", () => mapBody(anyString(rules), anyValue(rules)));
}

export function anyValue(rules: GrammarRules): string {
  return rules.named("value", () =>
    anyOf([
      anyString(rules),
      anyNumber(rules),
      '"true"',
      '"false"',
      '"null"',
      anyArray(rules),
      anyObject(rules),
    ]),
  );
}

/** An array of so many elements; `to` absent: any number. */
export function arrayOf(
  rules: GrammarRules,
  element: () => string,
  from = 0,
  to: number | undefined = undefined,
): string {
  if (to === 0) return '"[]"';
  const one = element();
  const more = `(", " ${one}){${Math.max(from - 1, 0)},${to === undefined ? "" : to - 1}}`;
  return rules.add(`${from === 0 ? '"[]" | ' : ""}"[" ${one} ${more} "]"`);
}

/** An object with any number of entries. */
export function mapBody(key: string, value: string): string {
  return `"{}" | "{" ${key} ": " ${value} (", " ${key} ": " ${value})* "}"`;
}

/** The one text of a value that is given. */
export function exactly(value: unknown): string {
  return literal(JSON.stringify(value));
}
