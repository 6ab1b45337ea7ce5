import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { loadTokenizer, type Tokenizer } from "@baton/tokenizer";
import { beforeAll, describe, expect, test } from "@jest/globals";
import { readTokenizerFiles } from "./model-files.ts";

/** What the reference implementation does (see reference/README.md). */
interface Golden {
  readonly texts: readonly {
    readonly text: string;
    readonly ids: readonly number[];
    /** Without the tokens that the model wants around a text. */
    readonly bare: readonly number[];
    readonly decoded: string;
  }[];
  readonly chats: readonly {
    readonly messages: readonly { readonly role: string; readonly content: string }[];
    readonly text: string;
  }[];
}

const FOLDER = fileURLToPath(new URL("../reference/tokenizers", import.meta.url));

describe.each(["smollm2", "llama3", "qwen", "llama2"])("A tokenizer of the %s family", (family) => {
  const folder = join(FOLDER, family);
  const golden = JSON.parse(readFileSync(join(folder, "golden.json"), "utf8")) as Golden;
  let tokenizer: Tokenizer;

  beforeAll(async () => {
    tokenizer = loadTokenizer(await readTokenizerFiles(folder));
  });

  test.each(golden.texts)("gives the reference's tokens for %j", ({ text, ids, bare }) => {
    expect(tokenizer.encode(text, { addSpecialTokens: false })).toEqual(bare);
    expect(tokenizer.encode(text)).toEqual(ids);
  });

  test.each(golden.texts)("gives the reference's text back for %j", ({ bare, decoded }) => {
    expect(tokenizer.decode(bare, { skipSpecial: false })).toBe(decoded);
  });

  test.each(golden.chats)("writes the reference's prompt for $messages", ({ messages, text }) => {
    expect(tokenizer.applyChatTemplate(messages)).toBe(text);
  });
});
