/**
 * What each token contributes to a text: some bytes of UTF-8, which later tokens may complete, or a text that stands
 * by itself. This is the part of a tokenizer's decoder that can be applied to one token at a time.
 */
import { BatonError } from "@baton/core";

/** One token's contribution. `bytes` may begin and end inside a character; `text` ends what bytes came before. */
export type TokenPiece =
  | { readonly kind: "bytes"; readonly bytes: Uint8Array }
  | { readonly kind: "text"; readonly text: string };

/** A tokenizer's decoder, token by token. */
export interface PieceDecoder {
  /** The piece of an ordinary vocabulary entry, by its spelling in the vocabulary. */
  pieceOf(token: string): TokenPiece;
  /** Spaces to drop where a whole text begins (not where a text goes on); SentencePiece puts one there. */
  readonly leadingSpaces: number;
}

/**
 * The decoder that `tokenizer.json` describes: `ByteLevel`, or SentencePiece with byte fallback as Llama 2 has it
 * (`Sequence` of `Replace`, `ByteFallback`, `Fuse`, `Strip`).
 * @throws BatonError `invalid_argument` for any other.
 */
export function readPieceDecoder(decoder: unknown): PieceDecoder {
  const { type, decoders } = (decoder ?? {}) as { type?: string; decoders?: unknown };
  if (type === "ByteLevel") return { pieceOf: byteLevelPiece, leadingSpaces: 0 };
  if (type === "Sequence" && Array.isArray(decoders)) return readSequence(decoders as DecoderStep[]);
  throw unsupported(String(type));
}

/** The steps of a `Sequence` that we know; fields as in tokenizer.json. */
interface DecoderStep {
  readonly type: string;
  /** Of `Replace`. */
  readonly pattern?: { readonly String?: string };
  /** Of `Replace` and `Strip`. */
  readonly content?: string;
  /** Of `Strip`. */
  readonly start?: number;
  readonly stop?: number;
}

function readSequence(steps: readonly DecoderStep[]): PieceDecoder {
  if (steps.length === 1 && steps[0]!.type === "ByteLevel") return readPieceDecoder(steps[0]);
  const replacements: (readonly [string, string])[] = [];
  let leadingSpaces = 0;
  let isFused = false;
  for (const step of steps) {
    const pattern = step.pattern?.String;
    if (step.type === "Replace" && pattern !== undefined) replacements.push([pattern, step.content ?? ""]);
    else if (step.type === "Fuse") isFused = true;
    // Before Fuse it would strip every token, and an end that is still growing cannot be stripped.
    else if (step.type === "Strip" && isFused && step.content === " " && !step.stop)
      leadingSpaces = step.start ?? 0;
    else if (step.type !== "ByteFallback") throw unsupported(`Sequence with ${step.type}`);
  }
  return { pieceOf: (token) => byteFallbackPiece(token, replacements), leadingSpaces };
}

function byteFallbackPiece(token: string, replacements: readonly (readonly [string, string])[]): TokenPiece {
  const hex = /^<0x([0-9A-Fa-f]{2})>$/.exec(token)?.[1];
  if (hex) return { kind: "bytes", bytes: Uint8Array.of(Number.parseInt(hex, 16)) };
  let text = token;
  for (const [pattern, content] of replacements) text = text.replaceAll(pattern, content);
  return { kind: "text", text };
}

function byteLevelPiece(token: string): TokenPiece {
  // A character that stands for no byte is read as byte 0, as in the Hugging Face implementation.
  return {
    kind: "bytes",
    bytes: Uint8Array.from(token, (character) => BYTE_OF_CHARACTER.get(character) ?? 0),
  };
}

/**
 * GPT-2's alphabet for bytes: printable Latin-1 stands for itself, each other byte for the next character from
 * U+0100 on.
 */
const BYTE_OF_CHARACTER: ReadonlyMap<string, number> = (() => {
  const isPrintable = (byte: number) =>
    (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
  let next = 0x100;
  const table = new Map<string, number>();
  for (let byte = 0; byte < 256; byte++)
    table.set(String.fromCharCode(isPrintable(byte) ? byte : next++), byte);
  return table;
})();

function unsupported(found: string): BatonError {
  return new BatonError(
    "invalid_argument",
    `Cannot use tokenizer.json: its decoder is "${found}", expected ByteLevel or a Sequence of Replace, ByteFallback, Fuse and Strip`,
  );
}
