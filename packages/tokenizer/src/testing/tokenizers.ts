/** Small tokenizers of both supported kinds, in the standard form, for tests. */
import type { TokenizerFiles } from "../tokenizer.ts";

/** Ids of the specials of `byteLevelFiles`. */
export const SPECIAL = { start: 256, end: 257, think: 258 } as const;

/**
 * Byte level: the 256 bytes, two special tokens, one added token that is not special, and merges that build tokens of
 * several bytes, one of which ends inside a character.
 */
export function byteLevelFiles(chatTemplate?: unknown): TokenizerFiles {
  const characters = byteCharacters();
  const spell = (text: string) => Array.from(Buffer.from(text), (byte) => characters[byte]!);
  const [f, g, h] = spell("😀") as [string, string, string];
  const [space, t, e] = spell(" te") as [string, string, string];
  const merges = [
    [space, t],
    [space + t, e],
    [f, g],
    [f + g, h],
  ] as const;
  const vocab: Record<string, number> = Object.fromEntries(
    characters.map((character, byte) => [character, byte]),
  );
  for (const [index, [left, right]] of merges.entries()) vocab[left + right] = 259 + index;
  return {
    tokenizerJson: {
      version: "1.0",
      added_tokens: [
        { id: SPECIAL.start, content: "<|start|>", special: true },
        { id: SPECIAL.end, content: "<|end|>", special: true },
        { id: SPECIAL.think, content: "<think>", special: false },
      ],
      normalizer: null,
      pre_tokenizer: { type: "ByteLevel", add_prefix_space: false, use_regex: true },
      post_processor: {
        type: "TemplateProcessing",
        single: [{ SpecialToken: { id: "<|start|>", type_id: 0 } }, { Sequence: { id: "A", type_id: 0 } }],
        pair: [],
        special_tokens: { "<|start|>": { id: "<|start|>", ids: [SPECIAL.start], tokens: ["<|start|>"] } },
      },
      decoder: { type: "ByteLevel" },
      model: { type: "BPE", vocab, merges: merges.map((pair) => pair.join(" ")) },
    },
    tokenizerConfig: {
      bos_token: "<|start|>",
      eos_token: { content: "<|end|>" },
      clean_up_tokenization_spaces: false,
      ...(chatTemplate === undefined ? {} : { chat_template: chatTemplate }),
    },
  };
}

/** SentencePiece with byte fallback, as Llama 2: a few words, letters, and a token for each byte. */
export function sentencePieceFiles(): TokenizerFiles {
  const words = ["<unk>", "<s>", "</s>"];
  const bytes = Array.from(
    { length: 256 },
    (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`,
  );
  const letters = ["▁", "a", "b", "▁a", "▁b", "ab", "é"];
  const vocab = Object.fromEntries([...words, ...bytes, ...letters].map((token, id) => [token, id]));
  return {
    tokenizerJson: {
      version: "1.0",
      added_tokens: words.map((content, id) => ({ id, content, special: true })),
      normalizer: {
        type: "Sequence",
        normalizers: [
          { type: "Prepend", prepend: "▁" },
          { type: "Replace", pattern: { String: " " }, content: "▁" },
        ],
      },
      pre_tokenizer: null,
      post_processor: null,
      decoder: {
        type: "Sequence",
        decoders: [
          { type: "Replace", pattern: { String: "▁" }, content: " " },
          { type: "ByteFallback" },
          { type: "Fuse" },
          { type: "Strip", content: " ", start: 1, stop: 0 },
        ],
      },
      model: { type: "BPE", vocab, merges: ["▁ a", "▁ b", "a b"], unk_token: "<unk>", byte_fallback: true },
    },
    tokenizerConfig: { eos_token: "</s>", clean_up_tokenization_spaces: false },
  };
}

function byteCharacters(): readonly string[] {
  let next = 0x100;
  return Array.from({ length: 256 }, (_, byte) => {
    const isPrintable = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
    return String.fromCharCode(isPrintable ? byte : next++);
  });
}
