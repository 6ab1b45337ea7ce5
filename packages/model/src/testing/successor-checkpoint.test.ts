import { loadTokenizer } from "@baton/tokenizer";
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { openCheckpoint } from "../checkpoint/checkpoint.ts";
import { readModelFiles } from "../model-files.ts";
import { ReferenceModel } from "./reference-forward.ts";
import { distinctPieces, type SuccessorOptions, writeSuccessorCheckpoint } from "./successor-checkpoint.ts";
import { temporaryFolder } from "./temporary-folder.ts";

const CYCLE = "Hello 😀 wörld 🌍 Hello 😀 again… ";

async function answer(options: SuccessorOptions, prompt: string, tokens: number) {
  await using folder = await temporaryFolder();
  const { cycleTokenIds } = await writeSuccessorCheckpoint(folder.path, options);
  const tokenizer = loadTokenizer((await readModelFiles(folder.path)).tokenizer);
  await using checkpoint = await openCheckpoint(folder.path);
  const model = await ReferenceModel.load(checkpoint);
  let logits = tokenizer
    .encode(prompt)
    .map((token) => model.next(token))
    .at(-1)!;
  const ids: number[] = [];
  while (ids.length < tokens) {
    ids.push(logits.indexOf(Math.max(...logits)));
    logits = model.next(ids.at(-1)!);
  }
  return { ids, cycleTokenIds, tokenizer };
}

describe("A successor model", () => {
  test("writes its text over and over, whatever the prompt ends with", async () => {
    for (const prompt of ["Hi", "Hello 😀", "<|im_start|>assistant\n<|im_end|>"]) {
      const { cycleTokenIds, ids, tokenizer } = await answer({ cycle: CYCLE }, prompt, 60);
      const rounds = Array.from({ length: 60 }, (_, i) => cycleTokenIds[i % cycleTokenIds.length]!);
      expect(ids).toEqual(rounds);
      expect(tokenizer.decode(cycleTokenIds)).toBe(CYCLE);
    }
  });

  test("ends with a stop token when told to", async () => {
    const { cycleTokenIds, ids, tokenizer } = await answer({ cycle: "Bye 👋", ending: "stop" }, "x", 5);
    expect(ids.slice(0, cycleTokenIds.length + 1)).toEqual([...cycleTokenIds, tokenizer.eosTokenId]);
  });

  test("cuts emoji between its tokens", async () => {
    const pieces = distinctPieces(Buffer.from(CYCLE)).map((piece) => piece.toString());
    expect(pieces.filter((piece) => piece.includes("\ufffd")).length).toBeGreaterThan(3);
  });
});

describe("The pieces of a text", () => {
  test("are all different, have two bytes or more, and make up the text", () => {
    const bytes = fc.uint8Array({ minLength: 2, max: 3 }).map((array) => Buffer.from(array));
    fc.assert(
      fc.property(bytes, (text) => {
        const pieces = distinctPieces(text);
        expect(Buffer.concat(pieces)).toEqual(text);
        expect(new Set(pieces.map((piece) => piece.toString("hex"))).size).toBe(pieces.length);
        expect(pieces.every((piece) => piece.length >= 2)).toBe(true);
      }),
    );
  });
});
