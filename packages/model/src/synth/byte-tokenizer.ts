/**
 * A byte-level tokenizer in the standard Hugging Face form: ids 0 to 255 are the bytes, so every text has tokens and
 * every text comes back. There are no merges; tokens of several bytes can be had in the output only.
 */
import type { TokenizerFiles } from "../model-files.ts";

/** Special tokens, in the order of their ids, which follow the 256 bytes. */
const SPECIAL_TOKENS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"] as const;

/** Ids of the special tokens. */
export const SPECIAL_IDS = { endOfText: 256, imStart: 257, imEnd: 258 } as const;

/** Bytes and special tokens. */
export const BYTE_VOCAB_SIZE = 256 + SPECIAL_TOKENS.length;

/** As ChatML: each message between its markers, then the opening of the assistant's answer. */
const CHAT_TEMPLATE = [
  "{% for message in messages %}",
  "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}",
  "{% endfor %}",
  "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}",
].join("");

/** The tokenizer's files. `extraTokens` are further tokens (their bytes), with ids from `BYTE_VOCAB_SIZE` on. */
export function byteTokenizerFiles(
  extraTokens: readonly Uint8Array[] = [],
  chatTemplate = CHAT_TEMPLATE,
): TokenizerFiles {
  const vocab = new Map(Array.from({ length: 256 }, (_, byte) => [byteCharacter(byte), byte]));
  for (const [index, bytes] of extraTokens.entries()) {
    vocab.set(Array.from(bytes, byteCharacter).join(""), BYTE_VOCAB_SIZE + index);
  }
  return {
    tokenizerJson: tokenizerJson(Object.fromEntries(vocab)),
    tokenizerConfig: tokenizerConfig(chatTemplate),
  };
}

/**
 * The printable character that stands for a byte in byte-level vocabularies (GPT-2's table): printable Latin-1 stands
 * for itself, each other byte gets the next character from U+0100 on.
 */
function byteCharacter(byte: number): string {
  return BYTE_CHARACTERS[byte]!;
}

const BYTE_CHARACTERS: readonly string[] = (() => {
  const isPrintable = (byte: number) =>
    (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
  let next = 0x100;
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(isPrintable(byte) ? byte : next++));
})();

function tokenizerJson(vocab: Readonly<Record<string, number>>): TokenizerFiles["tokenizerJson"] {
  const addedTokens = SPECIAL_TOKENS.map((content, index) => ({
    id: 256 + index,
    content,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: true,
  }));
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: addedTokens,
    normalizer: null,
    pre_tokenizer: { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true },
    post_processor: { type: "ByteLevel", add_prefix_space: true, trim_offsets: false, use_regex: true },
    decoder: { type: "ByteLevel", add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: {
      type: "BPE",
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: "",
      end_of_word_suffix: "",
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab,
      merges: [],
    },
  };
}

function tokenizerConfig(chatTemplate: string): TokenizerFiles["tokenizerConfig"] {
  return {
    tokenizer_class: "PreTrainedTokenizerFast",
    bos_token: null,
    eos_token: "<|im_end|>",
    pad_token: "<|endoftext|>",
    unk_token: null,
    add_prefix_space: false,
    clean_up_tokenization_spaces: false,
    model_max_length: 8192,
    chat_template: chatTemplate,
  };
}
