import { Tokenizer as HuggingFaceTokenizer } from "@huggingface/tokenizers";
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { createDetokenizer } from "./detokenizer.ts";
import { byteLevelFiles, SPECIAL, sentencePieceFiles } from "./testing/tokenizers.ts";
import { loadTokenizer, type Tokenizer } from "./tokenizer.ts";

const byteLevel = loadTokenizer(byteLevelFiles());
const sentencePiece = loadTokenizer(sentencePieceFiles());

/** Any well-formed text, emoji and combining marks included; but not the sign that SentencePiece reads as a space. */
const text = fc.string({ unit: "grapheme", maxLength: 40 }).filter((value) => !value.includes("▁"));

/** Any tokens, in any segments: mostly invalid UTF-8. */
function segments(tokenizer: Tokenizer) {
  const token = fc.integer({ min: 0, max: tokenizer.vocabSize - 1 });
  return fc.array(fc.array(token, { maxLength: 4 }), { maxLength: 30 });
}

function stream(tokenizer: Tokenizer, parts: readonly (readonly number[])[], startsText = false): string {
  const detokenizer = createDetokenizer(tokenizer, { startsText });
  return parts.map((ids) => detokenizer.push(ids)).join("") + detokenizer.flush();
}

/** The library's own decode of a whole list, which refuses empty ones. */
function libraryDecode(files: ReturnType<typeof byteLevelFiles>, ids: readonly number[]): string {
  if (ids.length === 0) return "";
  const library = new HuggingFaceTokenizer(files.tokenizerJson, files.tokenizerConfig);
  return library.decode([...ids], { skip_special_tokens: true });
}

function cut<T>(items: readonly T[], lengths: readonly number[]): readonly (readonly T[])[] {
  const parts: (readonly T[])[] = [];
  let begin = 0;
  for (const length of lengths) {
    parts.push(items.slice(begin, begin + length));
    begin += length;
  }
  return [...parts, items.slice(begin)];
}

describe.each([
  ["byte-level", byteLevel, byteLevelFiles()],
  ["SentencePiece", sentencePiece, sentencePieceFiles()],
])("A detokenizer of a %s tokenizer", (_, tokenizer, files) => {
  test("returns any text that was encoded, whatever segments its tokens come in", () => {
    fc.assert(
      fc.property(text, fc.array(fc.nat(3)), (original, lengths) => {
        const ids = tokenizer.encode(original, { addSpecialTokens: false });
        expect(stream(tokenizer, cut(ids, lengths), true)).toBe(original);
      }),
    );
  });

  test("returns what the library decodes from all tokens at once, for any tokens in any segments", () => {
    fc.assert(
      fc.property(segments(tokenizer), (parts) => {
        expect(stream(tokenizer, parts, true)).toBe(libraryDecode(files, parts.flat()));
      }),
    );
  });

  test("gives decode of prompt and answer when its text is put behind decode of the prompt", () => {
    fc.assert(
      fc.property(text, segments(tokenizer), (prompt, answer) => {
        const ids = tokenizer.encode(`a${prompt}b`, { addSpecialTokens: false });
        const whole = tokenizer.decode([...ids, ...answer.flat()]);
        expect(tokenizer.decode(ids) + stream(tokenizer, answer)).toBe(whole);
      }),
    );
  });
});

describe("A detokenizer", () => {
  test("holds an emoji back until its last byte has come, and not longer", () => {
    const detokenizer = createDetokenizer(byteLevel);
    const [a, b, c, d] = Buffer.from("😀") as unknown as [number, number, number, number];
    expect([a, b, c].map((byte) => detokenizer.push([byte]))).toEqual(["", "", ""]);
    expect(detokenizer.push([d])).toBe("😀");
  });

  test("holds back at most three bytes of an endless run of invalid ones", () => {
    const detokenizer = createDetokenizer(byteLevel);
    const given = Array.from({ length: 1000 }, () => detokenizer.push([0xf0])).join("");
    expect(given).toBe("\ufffd".repeat(999));
    expect(detokenizer.flush()).toBe("\ufffd");
  });

  test("leaves special tokens out without breaking the character around them", () => {
    const bytes = [...Buffer.from("é")];
    const ids = [SPECIAL.start, bytes[0]!, SPECIAL.end, bytes[1]!];
    expect(stream(byteLevel, [ids])).toBe("é");
    expect(byteLevel.decode([SPECIAL.start, 97, SPECIAL.end], { skipSpecial: false })).toBe(
      "<|start|>a<|end|>",
    );
  });

  test("keeps added tokens that are not special", () => {
    expect(stream(byteLevel, [[SPECIAL.think, 97]])).toBe("<think>a");
  });

  test("adds nothing for an id that the vocabulary does not have", () => {
    expect(stream(byteLevel, [[97, 99_999, 98]])).toBe("ab");
  });

  test("keeps the space before an answer's first word, and drops it where a text begins", () => {
    const [ids] = [sentencePiece.encode("a", { addSpecialTokens: false })];
    expect(stream(sentencePiece, [ids])).toBe(" a");
    expect(sentencePiece.decode(ids)).toBe("a");
  });
});
