/** What the main thread and a grammar thread say to each other. */
import type { TokenVocabulary } from "./token-vocabulary.ts";

/** Handed to the thread at its start. */
export interface GrammarThreadData {
  readonly grammar: string;
  readonly vocabulary: TokenVocabulary;
}

/** To the grammar thread. `begin`: match a sequence whose answer has these tokens already, until its channel ends. */
export interface GrammarThreadRequest {
  readonly type: "begin";
  readonly channel: SharedArrayBuffer;
  readonly answered: readonly number[];
  readonly stopTokenIds: readonly number[];
}

/** From the grammar thread, once. The thread ends after `failed`. */
export type GrammarThreadReply =
  | { readonly type: "compiled" }
  | { readonly type: "failed"; readonly message: string };
