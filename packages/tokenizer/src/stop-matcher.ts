/**
 * Finds stop strings in a text that comes in pieces, and holds back no more than what could still become one.
 *
 * Of all places where a stop string ends, the first one counts; of several that end there, the longest. So the result
 * does not depend on how the text was cut, and nothing need be waited for once a stop string is complete.
 */
import { BatonError } from "@baton/core";

/** What came of a piece of text. */
export interface StopMatch {
  /** Text that may be sent now: neither it nor its beginning is part of a stop string. */
  readonly text: string;
  /** The stop string that was found; it and all that follows are dropped. */
  readonly matched?: string;
}

/** Watches one answer. */
export interface StopMatcher {
  /** Adds text. After a match it returns nothing more. */
  push(text: string): StopMatch;
  /** The answer is over without a match: returns what was held back. */
  flush(): string;
}

/**
 * A matcher for these strings; with none, all text passes.
 * @throws BatonError `invalid_argument` (param `stop`) for an empty string, which would stop before the first letter.
 */
export function createStopMatcher(stopStrings: readonly string[]): StopMatcher {
  if (stopStrings.includes("")) {
    throw new BatonError("invalid_argument", 'Cannot stop at "": a stop string has at least one character', {
      param: "stop",
    });
  }
  return new Matcher(stopStrings);
}

class Matcher implements StopMatcher {
  /** Longest first, so that the longest of those that end at one place is found first. */
  readonly #automata: readonly PrefixAutomaton[];
  /** Text that is the beginning of a stop string. */
  #held = "";
  #isDone = false;

  constructor(stopStrings: readonly string[]) {
    const longestFirst = stopStrings.toSorted((a, b) => b.length - a.length);
    this.#automata = longestFirst.map((stop) => new PrefixAutomaton(stop));
  }

  push(text: string): StopMatch {
    if (this.#isDone) return { text: "" };
    const pending = this.#held + text;
    for (let index = this.#held.length; index < pending.length; index++) {
      const matched = this.#advance(pending[index]!);
      if (matched !== undefined) {
        this.#isDone = true;
        this.#held = "";
        return { text: pending.slice(0, index + 1 - matched.length), matched };
      }
    }
    const safe = pending.length - Math.max(0, ...this.#automata.map(({ length }) => length));
    this.#held = pending.slice(safe);
    return { text: pending.slice(0, safe) };
  }

  flush(): string {
    const rest = this.#held;
    this.#held = "";
    this.#isDone = true;
    return rest;
  }

  /** Every automaton sees every character; the first that is complete wins. */
  #advance(character: string): string | undefined {
    for (const automaton of this.#automata) automaton.advance(character);
    return this.#automata.find(({ isComplete }) => isComplete)?.pattern;
  }
}

/** How much of one pattern the text so far ends with (Knuth, Morris and Pratt): constant work per character. */
class PrefixAutomaton {
  readonly pattern: string;
  /** `#fallback[n]`: length of the longest proper beginning of the pattern's first n characters that also ends them. */
  readonly #fallback: readonly number[];
  /** Length of the longest beginning of the pattern that the text ends with. */
  length = 0;

  constructor(pattern: string) {
    this.pattern = pattern;
    this.#fallback = fallbackLengths(pattern);
  }

  get isComplete(): boolean {
    return this.length === this.pattern.length;
  }

  advance(character: string): void {
    while (this.length > 0 && this.pattern[this.length] !== character)
      this.length = this.#fallback[this.length]!;
    if (this.pattern[this.length] === character) this.length++;
  }
}

function fallbackLengths(pattern: string): readonly number[] {
  const lengths = [0, 0];
  for (let end = 1; end < pattern.length; end++) {
    let length = lengths[end]!;
    while (length > 0 && pattern[length] !== pattern[end]) length = lengths[length]!;
    lengths.push(pattern[length] === pattern[end] ? length + 1 : 0);
  }
  return lengths;
}
