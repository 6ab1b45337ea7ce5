import { readFileSync } from "node:fs";
import { loadTokenizer, type Tokenizer } from "@baton/tokenizer";
import { beforeAll, describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { type ModelFiles, readModelFiles } from "../model-files.ts";
import { DEMO_MODEL_FOLDER } from "./demo-checkpoint.ts";

/** What the reference implementation reads and answers (see demo-model/README.md). */
interface Golden {
  readonly chats: readonly {
    readonly messages: readonly { readonly role: string; readonly content: string }[];
    readonly promptTokenIds: readonly number[];
    readonly answer: string;
    readonly answerTokenIds: readonly number[];
  }[];
}

const golden = JSON.parse(readFileSync(`${DEMO_MODEL_FOLDER}/../golden.json`, "utf8")) as Golden;

describe("The demo model", () => {
  let model: ModelFiles;
  let tokenizer: Tokenizer;

  beforeAll(async () => {
    model = await readModelFiles(DEMO_MODEL_FOLDER);
    tokenizer = loadTokenizer(model.tokenizer);
  });

  test("answers greedily and shortly unless a request says otherwise", () => {
    expect(model.name).toBe("baton-demo");
    expect(model.generation).toMatchObject({
      eosTokenIds: [2, 0],
      temperature: 0,
      topP: 1,
      maxNewTokens: 160,
    });
  });

  test("has room for conversations, and a token for every text", () => {
    expect(model.config.maxPositions).toBe(8192);
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), (text) => {
        expect(tokenizer.decode(tokenizer.encode(text))).toBe(text);
      }),
    );
  });

  test.each(golden.chats)("reads $messages as the reference does", (chat) => {
    const prompt = tokenizer.applyChatTemplate(chat.messages);
    expect(tokenizer.encode(prompt, { addSpecialTokens: false })).toEqual(chat.promptTokenIds);
    expect(tokenizer.decode(chat.answerTokenIds)).toBe(chat.answer);
  });
});
