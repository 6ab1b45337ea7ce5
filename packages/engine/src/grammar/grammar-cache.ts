/**
 * Owns the grammars of an engine: each is compiled once, off the way of the steps, and kept until room is needed.
 *
 *   K1  A grammar that sequences follow, or wait for, is never evicted.
 *   K2  A grammar whose thread is dead, because it cannot be compiled for one, is compiled anew when it is next asked for.
 */
import { BatonError, untilAborted } from "@baton/core";
import { type AnswerConstraint, CompiledGrammar } from "./compiled-grammar.ts";
import type { TokenVocabulary } from "./token-vocabulary.ts";

/** Each has a thread with 30 to 100 MB, by the vocabulary. */
const MAX_GRAMMARS = 8;
/** Longest time for compiling one. */
const COMPILE_LIMIT_MS = 30_000;

interface Entry {
  readonly compiled: CompiledGrammar;
  waiting: number;
}

/** Compiled grammars, the one used longest ago first. */
export class GrammarCache {
  readonly #vocabulary: TokenVocabulary;
  readonly #entries = new Map<string, Entry>();

  constructor(vocabulary: TokenVocabulary) {
    this.#vocabulary = vocabulary;
  }

  /**
   * A constraint for one sequence, once its grammar is compiled.
   * @throws BatonError `invalid_argument` for a grammar that cannot be compiled in time, `overloaded` when too many are
   *   in use, and the signal's reason
   */
  async constraint(
    grammar: string,
    stopTokenIds: readonly number[],
    signal: AbortSignal,
  ): Promise<AnswerConstraint> {
    const entry = this.#entry(grammar);
    entry.waiting++;
    try {
      await untilAborted(entry.compiled.ready, signal);
      return entry.compiled.constraint(stopTokenIds);
    } finally {
      entry.waiting--;
    }
  }

  /** Ends every thread. */
  close(): void {
    for (const { compiled } of this.#entries.values()) compiled.close();
    this.#entries.clear();
  }

  #entry(grammar: string): Entry {
    const known = this.#entries.get(grammar);
    const entry = known && !known.compiled.dead ? known : this.#compile(grammar); // K2
    this.#entries.delete(grammar);
    this.#entries.set(grammar, entry); // The last one is the one used last.
    return entry;
  }

  #compile(grammar: string): Entry {
    if (this.#entries.size >= MAX_GRAMMARS) this.#evict();
    const data = { grammar, vocabulary: this.#vocabulary };
    return { compiled: new CompiledGrammar(data, COMPILE_LIMIT_MS), waiting: 0 };
  }

  #evict(): void {
    for (const [grammar, { compiled, waiting }] of this.#entries) {
      if (compiled.users > 0 || waiting > 0) continue; // K1
      compiled.close();
      this.#entries.delete(grammar);
      return;
    }
    throw new BatonError(
      "overloaded",
      `Cannot constrain the answer: ${MAX_GRAMMARS} other grammars are in use, expected one of them or a free place`,
    );
  }
}
