/**
 * Owns regular expressions inside JSON strings: the part of ECMAScript's syntax that describes a regular language, as a
 * grammar of strings as JSON writes them. The pattern describes the whole string, anchored or not: a model that may
 * write anything around what is asked for tends to do so. Characters that JSON must escape are written as escapes where
 * a pattern names them; in a class or after a dot only those that stand for themselves take part.
 */
import { type CharacterRange, characterClass } from "./character-class.ts";
import { anyOf, escaped, type GrammarRules } from "./grammar-rules.ts";
import { schemaError } from "./schema-error.ts";

const CLASSES: Readonly<Record<string, readonly CharacterRange[]>> = {
  d: [[0x30, 0x39]],
  w: [
    [0x30, 0x39],
    [0x41, 0x5a],
    [0x5f, 0x5f],
    [0x61, 0x7a],
  ],
  s: [[0x20, 0x20]],
};
const CONTROLS: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t", f: "\f", v: "\v", 0: "\0" };

/** The expression of a JSON string that matches. @throws BatonError `invalid_argument` for what is not supported. */
export function patternString(rules: GrammarRules, pattern: string, path: string): string {
  return `"\\"" ${new PatternReader(rules, pattern, path).read()} "\\""`;
}

class PatternReader {
  readonly #rules: GrammarRules;
  readonly #text: readonly string[];
  readonly #pattern: string;
  readonly #path: string;
  #at = 0;

  constructor(rules: GrammarRules, pattern: string, path: string) {
    this.#rules = rules;
    this.#pattern = pattern;
    this.#text = Array.from(pattern);
    this.#path = path;
  }

  read(): string {
    const expression = this.#alternation();
    if (this.#at < this.#text.length) throw this.#unsupported(`"${this.#text[this.#at]}"`);
    return expression;
  }

  #alternation(): string {
    const options = [this.#sequence()];
    while (this.#take("|")) options.push(this.#sequence());
    return anyOf(options);
  }

  #sequence(): string {
    const parts: string[] = [];
    while (this.#at < this.#text.length && !"|)".includes(this.#text[this.#at]!)) {
      if (this.#take("^") || this.#take("$")) continue; // The pattern is the whole string anyway.
      parts.push(this.#quantified());
    }
    return parts.length === 0 ? '""' : parts.join(" ");
  }

  #quantified(): string {
    const atom = this.#atom();
    const quantifier = this.#quantifier();
    if (quantifier === "") return atom;
    this.#take("?"); // Lazy or greedy: the same strings match.
    return `(${atom})${quantifier}`;
  }

  #quantifier(): string {
    for (const sign of ["*", "+", "?"]) if (this.#take(sign)) return sign;
    const rest = this.#text.slice(this.#at).join("");
    const counts = /^\{\d{1,5}(,\d{0,5})?\}/.exec(rest)?.[0];
    if (counts === undefined) return "";
    this.#at += counts.length;
    return counts;
  }

  #atom(): string {
    const character = this.#next();
    switch (character) {
      case "(":
        return this.#group();
      case "[":
        return this.#class();
      case ".":
        return this.#characters([], true);
      case "\\":
        return this.#escape();
      case "*":
      case "+":
      case "?":
      case "{":
        throw this.#unsupported(`"${character}" where something is to be repeated`);
      default:
        return jsonCharacter(character);
    }
  }

  #group(): string {
    if (this.#take("?")) {
      const kind = this.#next();
      if (kind === "<" && /[A-Za-z_]/.test(this.#text[this.#at] ?? "")) while (this.#next() !== ">");
      else if (kind !== ":") throw this.#unsupported(`"(?${kind}"`);
    }
    const expression = this.#alternation();
    if (!this.#take(")")) throw this.#unsupported("a group that does not end");
    return `(${expression})`;
  }

  #escape(): string {
    const character = this.#next();
    if (Object.hasOwn(CLASSES, character)) return this.#characters(CLASSES[character]!, false);
    if (character === "D" || character === "W" || character === "S") {
      return this.#characters(CLASSES[character.toLowerCase()]!, true);
    }
    return jsonCharacter(this.#escapedCharacter(character));
  }

  /** The character that `\` and this one stand for. */
  #escapedCharacter(character: string): string {
    if (Object.hasOwn(CONTROLS, character)) return CONTROLS[character]!;
    if (character === "u" || character === "x") {
      const digits = character === "u" ? 4 : 2;
      const hex = this.#text.slice(this.#at, this.#at + digits).join("");
      if (!new RegExp(`^[0-9a-fA-F]{${digits}}$`).test(hex)) throw this.#unsupported(`"\\${character}"`);
      this.#at += digits;
      return String.fromCodePoint(Number.parseInt(hex, 16));
    }
    if (/[A-Za-z1-9]/.test(character)) throw this.#unsupported(`"\\${character}"`);
    return character;
  }

  #class(): string {
    const negated = this.#take("^");
    const members: CharacterRange[] = [];
    while (!this.#take("]")) members.push(...this.#classMember());
    return this.#characters(members, negated);
  }

  #characters(ranges: readonly CharacterRange[], negated: boolean): string {
    const expression = characterClass(this.#rules, ranges, negated);
    if (expression === undefined)
      throw this.#unsupported("a class without characters that JSON writes as themselves");
    return expression;
  }

  #classMember(): readonly CharacterRange[] {
    const first = this.#next();
    if (first === "\\" && Object.hasOwn(CLASSES, this.#text[this.#at] ?? "")) return CLASSES[this.#next()]!;
    const from = this.#member(first);
    const isRange = this.#text[this.#at] === "-" && this.#text[this.#at + 1] !== "]";
    if (!isRange) return [[from, from]];
    this.#at += 1;
    const to = this.#member(this.#next());
    if (from > to) throw this.#unsupported("a range that ends before it begins");
    return [[from, to]];
  }

  /** The code point of a member of a class. */
  #member(character: string): number {
    const code = (character === "\\" ? this.#escapedCharacter(this.#next()) : character).codePointAt(0)!;
    if (code > 0x7f) throw this.#unsupported("a class with a character beyond ASCII");
    return code;
  }

  #next(): string {
    const character = this.#text[this.#at++];
    if (character === undefined) throw this.#unsupported("an end where more is expected");
    return character;
  }

  #take(character: string): boolean {
    if (this.#text[this.#at] !== character) return false;
    this.#at += 1;
    return true;
  }

  #unsupported(what: string) {
    const pattern = JSON.stringify(this.#pattern.slice(0, 60));
    const expected = "literals, classes, groups, alternatives and repetitions";
    return schemaError(this.#path, `the pattern ${pattern} has ${what}, expected ${expected}`);
  }
}

/** A character as JSON writes it between quotes. */
function jsonCharacter(character: string): string {
  const json = JSON.stringify(character).slice(1, -1);
  return `"${Array.from(json, escaped).join("")}"`;
}
