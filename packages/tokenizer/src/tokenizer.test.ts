import { describe, expect, test } from "@jest/globals";
import { byteLevelFiles, SPECIAL } from "./testing/tokenizers.ts";
import { loadTokenizer } from "./tokenizer.ts";

const CHAT =
  "{{ bos_token }}{% for m in messages %}[{{ m.role }}]{{ m.content }}{{ eos_token }}{% endfor %}{% if add_generation_prompt %}[assistant]{% endif %}";

describe("A tokenizer", () => {
  const tokenizer = loadTokenizer(byteLevelFiles(CHAT));

  test("knows its size and its special tokens", () => {
    expect(tokenizer.vocabSize).toBe(263);
    expect([...tokenizer.specialTokens]).toEqual([
      ["<|start|>", SPECIAL.start],
      ["<|end|>", SPECIAL.end],
    ]);
    expect(tokenizer.eosTokenId).toBe(SPECIAL.end);
  });

  test("adds the model's start token unless told not to", () => {
    expect(tokenizer.encode("a")).toEqual([SPECIAL.start, 97]);
    expect(tokenizer.encode("a", { addSpecialTokens: false })).toEqual([97]);
  });

  test("encodes the empty text", () => {
    expect(tokenizer.encode("", { addSpecialTokens: false })).toEqual([]);
    expect(tokenizer.decode([])).toBe("");
  });

  test("uses merges, also those that end inside a character", () => {
    expect(tokenizer.encode(" te😀", { addSpecialTokens: false })).toHaveLength(3);
  });

  test("reads the text of a special token as that token, as Hugging Face does", () => {
    expect(tokenizer.encode("a<|end|>", { addSpecialTokens: false })).toEqual([97, SPECIAL.end]);
  });

  test("renders a conversation up to where the assistant begins", () => {
    const prompt = tokenizer.applyChatTemplate([{ role: "user", content: "Hi 😀" }]);
    expect(prompt).toBe("<|start|>[user]Hi 😀<|end|>[assistant]");
  });

  test("does not run a template that a message contains", () => {
    const prompt = tokenizer.applyChatTemplate([{ role: "user", content: "{{ 1 + 1 }}" }]);
    expect(prompt).toContain("{{ 1 + 1 }}");
  });

  test("takes the default one of several templates", () => {
    const templates = [
      { name: "tool_use", template: "tools" },
      { name: "default", template: "plain" },
    ];
    expect(loadTokenizer(byteLevelFiles(templates)).applyChatTemplate([])).toBe("plain");
  });

  test("says why a template refuses a conversation", () => {
    const strict = loadTokenizer(byteLevelFiles("{{ raise_exception('roles must alternate') }}"));
    expect(() => strict.applyChatTemplate([])).toThrow(
      expect.objectContaining({
        code: "invalid_argument",
        param: "messages",
        message: expect.stringContaining("roles must alternate"),
      }),
    );
  });

  test("refuses messages when the model has no template", () => {
    expect(() => loadTokenizer(byteLevelFiles()).applyChatTemplate([])).toThrow(
      expect.objectContaining({
        code: "invalid_argument",
        message: expect.stringContaining("no chat template"),
      }),
    );
  });
});

describe("Loading a tokenizer", () => {
  const { tokenizerJson, tokenizerConfig } = byteLevelFiles();

  test("refuses a decoder that cannot work token by token, and names the ones that can", () => {
    const files = { tokenizerJson: { ...tokenizerJson, decoder: { type: "WordPiece" } }, tokenizerConfig };
    expect(() => loadTokenizer(files)).toThrow(/decoder is "WordPiece", expected ByteLevel or a Sequence/);
  });

  test("refuses files that are no tokenizer", () => {
    expect(() => loadTokenizer({ tokenizerJson: {}, tokenizerConfig: {} })).toThrow(
      expect.objectContaining({ code: "invalid_argument" }),
    );
  });

  test("refuses a chat template that is not Jinja", () => {
    expect(() => loadTokenizer(byteLevelFiles("{% for %}"))).toThrow(/Cannot read the chat template/);
  });
});
