/** A model's tokenizer: text to token ids and back, and chat messages to the prompt that the model was trained on. */
import { BatonError } from "@baton/core";
import { Tokenizer as HuggingFaceTokenizer } from "@huggingface/tokenizers";
import {
  type ChatMessage,
  type ChatTemplate,
  type ChatTool,
  readChatTemplate,
  type ToolFormat,
} from "./chat-template.ts";
import { Detokenizer } from "./detokenizer.ts";
import { withNumericSplits } from "./numeric-splits.ts";
import { readPieceDecoder, type TokenPiece } from "./token-pieces.ts";
import { tokenText } from "./token-text.ts";

/** The files of a tokenizer, parsed. */
export interface TokenizerFiles {
  /** `tokenizer.json` */
  readonly tokenizerJson: Readonly<Record<string, unknown>>;
  /** `tokenizer_config.json` */
  readonly tokenizerConfig: Readonly<Record<string, unknown>>;
}

/** Immutable, and shared by all requests. */
export interface Tokenizer {
  /** One above the largest token id. */
  readonly vocabSize: number;
  /** Special tokens by their text, for example `<|im_end|>`. */
  readonly specialTokens: ReadonlyMap<string, number>;
  /** The token that tokenizer_config.json calls `eos_token`, if it names one. */
  readonly eosTokenId: number | undefined;
  /**
   * The tokens of a text. The text of a special token becomes that token wherever it stands, as in Hugging Face.
   * `addSpecialTokens` (default true) adds what the model wants around a text, such as a start token; a chat template
   * writes those itself, so its result is encoded with false.
   */
  encode(text: string, options?: { readonly addSpecialTokens?: boolean }): number[];
  /**
   * The text of tokens, exactly: no spaces are tidied up. Bytes that are not UTF-8 become U+FFFD. `skipSpecial`
   * (default true) leaves special tokens out.
   */
  decode(ids: readonly number[], options?: { readonly skipSpecial?: boolean }): string;
  /**
   * The prompt for a conversation, ending where the assistant begins to speak.
   * @throws BatonError `invalid_argument` (param `messages`) when the model has no template or it refuses.
   */
  applyChatTemplate(messages: readonly ChatMessage[], tools?: readonly ChatTool[]): string;
  /** How the model calls tools; undefined where its template knows of none. */
  readonly toolFormat: ToolFormat | undefined;
  /** The piece of a token; undefined for an id that is not in the vocabulary. */
  piece(id: number): TokenPiece | undefined;
  /** True for a special token. */
  isSpecial(id: number): boolean;
  /** Spaces that the beginning of a whole text loses when decoded. */
  readonly leadingSpaces: number;
}

/**
 * Builds a tokenizer from its parsed files.
 * @throws BatonError `invalid_argument` when they are no tokenizer of a supported kind.
 */
export function loadTokenizer(files: TokenizerFiles): Tokenizer {
  try {
    return new LoadedTokenizer(files);
  } catch (cause) {
    if (cause instanceof BatonError) throw cause;
    const reason = (cause as Error).message;
    throw new BatonError("invalid_argument", `Cannot load the tokenizer: ${reason}`, { cause });
  }
}

class LoadedTokenizer implements Tokenizer {
  readonly vocabSize: number;
  readonly specialTokens: ReadonlyMap<string, number>;
  readonly eosTokenId: number | undefined;
  readonly leadingSpaces: number;
  readonly #inner: HuggingFaceTokenizer;
  readonly #pieces: readonly (TokenPiece | undefined)[];
  readonly #specialIds: ReadonlySet<number>;
  readonly #template: ChatTemplate | undefined;

  constructor({ tokenizerJson, tokenizerConfig }: TokenizerFiles) {
    this.#inner = new HuggingFaceTokenizer(withNumericSplits(tokenizerJson), tokenizerConfig);
    const added = [...this.#inner.get_added_tokens_decoder().values()];
    this.specialTokens = new Map(
      added.filter(({ special }) => special).map(({ content, id }) => [content, id]),
    );
    this.#specialIds = new Set(this.specialTokens.values());
    const decoder = readPieceDecoder(tokenizerJson.decoder);
    this.leadingSpaces = decoder.leadingSpaces;
    const pieces: (TokenPiece | undefined)[] = [];
    const vocabulary: ReadonlyMap<string | undefined, number> = this.#inner.get_vocab(false);
    for (const [token, id] of vocabulary) {
      if (token !== undefined) pieces[id] = decoder.pieceOf(token); // Ids without a token come as undefined.
    }
    for (const { content, id } of added) pieces[id] = { kind: "text", text: content };
    this.#pieces = pieces;
    this.vocabSize = pieces.length;
    const eos = tokenText(tokenizerConfig.eos_token);
    this.eosTokenId = eos === undefined ? undefined : this.#inner.token_to_id(eos);
    this.#template = readChatTemplate(tokenizerConfig);
  }

  encode(text: string, options: { readonly addSpecialTokens?: boolean } = {}): number[] {
    return this.#inner.encode(text, { add_special_tokens: options.addSpecialTokens ?? true }).ids;
  }

  decode(ids: readonly number[], options: { readonly skipSpecial?: boolean } = {}): string {
    const detokenizer = new Detokenizer(this, { skipSpecial: options.skipSpecial ?? true, startsText: true });
    return detokenizer.push(ids) + detokenizer.flush();
  }

  get toolFormat(): ToolFormat | undefined {
    return this.#template?.toolFormat;
  }

  applyChatTemplate(messages: readonly ChatMessage[], tools: readonly ChatTool[] = []): string {
    if (!this.#template) {
      throw new BatonError(
        "invalid_argument",
        "Cannot build a prompt from messages: this model has no chat template, use text completions",
        { param: "messages" },
      );
    }
    return this.#template.render(messages, tools);
  }

  piece(id: number): TokenPiece | undefined {
    return this.#pieces[id];
  }

  isSpecial(id: number): boolean {
    return this.#specialIds.has(id);
  }
}
