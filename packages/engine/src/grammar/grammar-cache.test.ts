/** Grammars in their threads, as the engine uses them. */
import { afterAll, expect, test } from "@jest/globals";
import { GrammarCache } from "./grammar-cache.ts";
import { MaskReader } from "./mask-channel.ts";
import { tokenVocabulary } from "./token-vocabulary.ts";

const STOP = 256;
const VOCABULARY = tokenVocabulary(257, (id) => (id < STOP ? Uint8Array.of(id) : new Uint8Array()));
const ABC = 'root ::= "a" [bc] "d"?';
const forever = new AbortController().signal;
const cache = new GrammarCache(VOCABULARY);
afterAll(() => cache.close());

/** The tokens that are possible as token `index`. */
function allowed(reader: MaskReader, index: number): string {
  const logits = new Float32Array(257);
  reader.apply(logits, index);
  const ids = [...logits.keys()].filter((id) => logits[id] === 0);
  return ids.map((id) => (id === STOP ? "." : String.fromCharCode(id))).join("");
}

test("each token follows the grammar, and the stop token comes where it is complete", async () => {
  using constraint = await cache.constraint(ABC, [STOP], forever);
  const reader = new MaskReader(constraint.channel);
  constraint.begin([]);
  expect(allowed(reader, 0)).toBe("a");
  reader.choose(97);
  expect(allowed(reader, 1)).toBe("bc");
  reader.choose(98);
  expect(allowed(reader, 2)).toBe("d.");
  reader.choose(100);
  expect(allowed(reader, 3)).toBe(".");
});

test("an answer that has begun elsewhere goes on where it was", async () => {
  using constraint = await cache.constraint(ABC, [STOP], forever);
  constraint.begin([97, 99]);
  const reader = new MaskReader(constraint.channel);
  expect(() => allowed(reader, 1)).toThrow("the mask is for token 2, expected 1");
  expect(allowed(reader, 2)).toBe("d.");
  // A sampler that is made anew, as after a retraction, reads on.
  expect(allowed(new MaskReader(constraint.channel), 2)).toBe("d.");
});

test("sequences of one grammar do not know of each other", async () => {
  using first = await cache.constraint(ABC, [STOP], forever);
  using second = await cache.constraint(ABC, [STOP], forever);
  first.begin([97]);
  second.begin([]);
  expect(allowed(new MaskReader(second.channel), 0)).toBe("a");
  expect(allowed(new MaskReader(first.channel), 1)).toBe("bc");
});

test("tokens that the grammar does not allow, and the end of a sequence, end its channel", async () => {
  using wrong = await cache.constraint(ABC, [STOP], forever);
  wrong.begin([120]);
  expect(() => allowed(new MaskReader(wrong.channel), 1)).toThrow("its grammar thread ended");
  const left = await cache.constraint(ABC, [STOP], forever);
  left[Symbol.dispose]();
  expect(() => allowed(new MaskReader(left.channel), 0)).toThrow("its grammar thread ended");
});

test("a grammar that is none is refused with what is wrong in it, and harms no other", async () => {
  using good = await cache.constraint(ABC, [STOP], forever);
  await expect(cache.constraint('root ::= "a', [STOP], forever)).rejects.toMatchObject({
    code: "invalid_argument",
  });
  good.begin([]);
  expect(allowed(new MaskReader(good.channel), 0)).toBe("a");
});

test("who waits for a grammar may leave", async () => {
  const leaving = new AbortController();
  const waiting = cache.constraint('root ::= "x"', [STOP], leaving.signal);
  leaving.abort(new Error("left"));
  await expect(waiting).rejects.toThrow("left");
});

test("grammars that nobody uses make room, those in use do not", async () => {
  const few = new GrammarCache(VOCABULARY);
  const held = [];
  for (const letter of "abcdefgh") held.push(await few.constraint(`root ::= "${letter}"`, [STOP], forever));
  await expect(few.constraint('root ::= "i"', [STOP], forever)).rejects.toMatchObject({ code: "overloaded" });
  held[0]?.[Symbol.dispose]();
  using ninth = await few.constraint('root ::= "i"', [STOP], forever);
  ninth.begin([]);
  expect(allowed(new MaskReader(ninth.channel), 0)).toBe("i");
  few.close();
}, 60_000);
