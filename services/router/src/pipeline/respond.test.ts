import { BatonError, type GenerationEvent } from "@baton/core";
import { createDetokenizer, createStopMatcher, type Tokenizer } from "@baton/tokenizer";
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { respond, type TextEvent } from "./respond.ts";

/** Token ids are bytes. */
const bytes: Pick<Tokenizer, "piece" | "isSpecial" | "leadingSpaces"> = {
  piece: (id) => ({ kind: "bytes", bytes: Uint8Array.of(id) }),
  isSpecial: () => false,
  leadingSpaces: 0,
};

const END: GenerationEvent = {
  type: "end",
  reason: "length",
  usage: { promptTokens: 5, cachedTokens: 2, completionTokens: 9 },
};

const tokens = (text: string): GenerationEvent => ({ type: "tokens", tokenIds: [...Buffer.from(text)] });

/** One event with a log-probability for each token: its place in the text, negative. */
const scored = (text: string): GenerationEvent => {
  const tokenIds = [...Buffer.from(text)];
  return { type: "tokens", tokenIds, logprobs: tokenIds.map((_, place) => ({ logprob: -place, top: [] })) };
};

async function answer(
  events: readonly (GenerationEvent | BatonError)[],
  stop: readonly string[] = [],
  minTokens = 0,
) {
  let stops = 0;
  const generation = {
    async *events() {
      for (const event of events) {
        if (event instanceof BatonError) throw event;
        yield event;
      }
    },
    stop: () => {
      stops += 1;
    },
  };
  const said: TextEvent[] = [];
  const parts = {
    detokenizer: createDetokenizer(bytes),
    stopMatcher: createStopMatcher(stop),
    promptTokens: 5,
    tokenizer: bytes,
    minTokens,
  };
  for await (const event of respond(generation, parts)) said.push(event);
  const text = said.map((event) => (event.type === "text" ? event.text : "")).join("");
  const tokens = said.flatMap((event) => (event.type === "text" ? event.tokens : []));
  return { said, text, tokens, end: said.at(-1), stops };
}

describe("respond", () => {
  test("says the worker's reason and counts at the end", async () => {
    const { said } = await answer([tokens("Hi"), END]);
    expect(said).toEqual([
      { type: "text", text: "Hi", tokens: [], tokenIds: [...Buffer.from("Hi")] },
      { ...END, tokenIds: [] },
    ]);
  });

  test("says a character only when it is whole, and leaves out what was only begun at the end", async () => {
    const [head, tail] = [tokens("🌍"), tokens("🌍")];
    const split = (event: GenerationEvent, from: number, to: number): GenerationEvent =>
      event.type === "tokens" ? { type: "tokens", tokenIds: event.tokenIds.slice(from, to) } : event;
    const { said } = await answer([split(head, 0, 2), split(head, 2, 4), split(tail, 0, 3), END]);
    const tokenIds = [...Buffer.from("🌍")];
    expect(said).toEqual([
      { type: "text", text: "🌍", tokens: [], tokenIds },
      { ...END, tokenIds: tokenIds.slice(0, 3) },
    ]);
  });

  test("stops the generation once at a stop string and drops what still comes", async () => {
    const { text, end, stops } = await answer(
      [tokens("one st"), tokens("op two"), tokens(" stop"), END],
      ["stop"],
    );
    expect(text).toBe("one ");
    expect(end).toEqual({ ...END, reason: "stop", matched: "stop", tokenIds: [...Buffer.from("op")] });
    expect(stops).toBe(1);
  });

  test("says what was held back when no stop string came of it", async () => {
    expect((await answer([tokens("one st"), END], ["stop"])).text).toBe("one st");
  });

  test("ends well after a stop string even if the worker does not, with its own count of tokens", async () => {
    const lost = new BatonError("worker_lost", "Cannot generate: the connection was lost");
    expect((await answer([tokens("a stop"), tokens("xy"), lost], ["stop"])).end).toEqual({
      type: "end",
      reason: "stop",
      matched: "stop",
      tokenIds: [],
      usage: { promptTokens: 5, cachedTokens: 0, completionTokens: 8 },
    });
    await expect(answer([tokens("a"), lost], ["stop"])).rejects.toThrow("the connection was lost");
  });

  test("looks for stop strings only after so many tokens", async () => {
    expect((await answer([tokens("stop and stop"), END], ["stop"], 4)).text).toBe("stop and ");
    expect((await answer([tokens("stop"), END], ["stop"], 4)).text).toBe("stop");
  });

  test("says each token with the text in which it begins, and none from a stop string on", async () => {
    const { said, tokens: told } = await answer([scored("aé st"), scored("op b"), END], ["stop"]);
    expect(told.map(({ text, offset }) => [text, offset])).toEqual([
      ["a", 0],
      ["\\xc3", 1],
      ["\\xa9", 1],
      [" ", 2],
    ]);
    expect(told[1]).toEqual({ id: 0xc3, text: "\\xc3", bytes: [0xc3], logprob: -1, top: [], offset: 1 });
    expect(said.filter(({ type }) => type === "text")).toHaveLength(1);
  });

  test("says tokens that have no text of their own at the end", async () => {
    const { text, tokens: told } = await answer([scored("a"), END]);
    expect([text, told.length]).toEqual(["a", 1]);
    const begun = scored("é");
    const half = begun.type === "tokens" ? { ...begun, tokenIds: begun.tokenIds.slice(0, 1) } : begun;
    const cut = await answer([half, END]);
    expect([cut.text, cut.tokens.map((token) => token.bytes)]).toEqual(["", [[0xc3]]]);
  });

  test("says the same whatever segments the tokens come in", async () => {
    const cases = fc.tuple(
      fc.string({ unit: "grapheme" }),
      fc.array(fc.nat(40)),
      fc.string({ minLength: 1, maxLength: 2 }),
    );
    await fc.assert(
      fc.asyncProperty(cases, async ([text, cuts, stop]) => {
        const ids = [...Buffer.from(text)];
        const ends = [...cuts.filter((cut) => cut < ids.length).sort((a, b) => a - b), ids.length];
        const segments = ends.map(
          (end, index): GenerationEvent => ({
            type: "tokens",
            tokenIds: ids.slice(ends[index - 1] ?? 0, end),
          }),
        );
        const at = text.indexOf(stop);
        const { text: said, stops } = await answer([...segments, END], [stop]);
        expect(said).toBe(at < 0 ? text : text.slice(0, at));
        expect(stops).toBe(at < 0 ? 0 : 1);
      }),
    );
  });
});
