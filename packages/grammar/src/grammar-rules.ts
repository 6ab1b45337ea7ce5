/** Owns the text of a grammar in the making: named rules of EBNF, as XGrammar reads it. */
import { BatonError, MAX_GRAMMAR_LENGTH } from "@baton/core";

/** Collects rules. An expression is the right side of a rule, or part of it; a rule is referred to by its name. */
export class GrammarRules {
  readonly #bodies = new Map<string, string>();
  /** Names of the rules by their bodies: equal rules are kept once. */
  readonly #names = new Map<string, string>();
  #length = 0;

  /** A rule with this body. @throws BatonError `invalid_argument` when the grammar grows too large. */
  add(body: string): string {
    let name = this.#names.get(body);
    if (name !== undefined) return name;
    name = this.reserve();
    this.#names.set(body, name);
    this.define(name, body);
    return name;
  }

  /** The rule of this name, which `body` may refer to, made when it is first asked for. */
  named(name: string, body: () => string): string {
    if (this.#bodies.has(name)) return name;
    this.#bodies.set(name, "");
    this.define(name, body());
    return name;
  }

  /** A name for a rule whose body comes later, so that it may refer to itself. */
  reserve(): string {
    const name = `r${this.#bodies.size}`;
    this.#bodies.set(name, "");
    return name;
  }

  /** Gives a reserved name its body. @throws BatonError `invalid_argument` when the grammar grows too large. */
  define(name: string, body: string): void {
    this.#bodies.set(name, body);
    this.#length += name.length + body.length + " ::= \n".length;
    if (this.#length > MAX_GRAMMAR_LENGTH) throw tooLong();
  }

  /** The grammar of the answers that are `expression`. */
  text(expression: string): string {
    const rules = Array.from(this.#bodies, ([name, body]) => `${name} ::= ${body}`);
    return [...rules, `root ::= ${expression}`].join("\n");
  }
}

/** An expression for exactly this text. */
export function literal(text: string): string {
  return `"${Array.from(text, escaped).join("")}"`;
}

/** One of several expressions. */
export function anyOf(expressions: readonly string[]): string {
  return expressions.length === 1 ? expressions[0]! : `(${expressions.join(" | ")})`;
}

/** A character as it is written between the quotes or brackets of a grammar. */
export function escaped(character: string): string {
  const code = character.codePointAt(0)!;
  if (/[\w ]/.test(character)) return character;
  return code <= 0xffff ? `\\u${hex(code, 4)}` : `\\U${hex(code, 8)}`;
}

function hex(code: number, digits: number): string {
  return code.toString(16).padStart(digits, "0");
}

function tooLong(): BatonError {
  return new BatonError(
    "invalid_argument",
    `Cannot constrain the answer: its grammar is longer than ${MAX_GRAMMAR_LENGTH} characters, expected smaller schemas`,
  );
}
