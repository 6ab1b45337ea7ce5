import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { MockTokens } from "./mock-tokens.ts";

const VOCABULARY = 300;
const tokens = new MockTokens({ vocabSize: VOCABULARY, stopTokenIds: [0, 256, 299], seed: 1 });
const token = fc.integer({ min: 0, max: VOCABULARY - 1 });
const prompt = fc.array(token, { minLength: 1, maxLength: 20 });

test("an answer continues itself from any of its tokens", () => {
  fc.assert(
    fc.property(
      prompt,
      fc.integer({ min: 1, max: 30 }),
      fc.integer({ min: 0, max: 30 }),
      (ids, more, cut) => {
        const answer = tokens.answer(ids, more);
        const known = Math.min(cut, more);
        expect(tokens.answer([...ids, ...answer.slice(0, known)], more - known)).toEqual(answer.slice(known));
      },
    ),
  );
});

test("stop tokens are never written", () => {
  fc.assert(
    fc.property(prompt, (ids) => {
      for (const written of tokens.answer(ids, 20)) {
        expect([0, 256, 299]).not.toContain(written);
        expect(written).toBeLessThan(VOCABULARY);
      }
    }),
  );
});

test("a token of the prompt that is lost, doubled or changed changes the answer", () => {
  fc.assert(
    fc.property(prompt, fc.nat(), token, (ids, at, other) => {
      const answer = tokens.answer(ids, 8);
      const place = at % ids.length;
      const lost = ids.toSpliced(place, 1);
      const doubled = ids.toSpliced(place, 0, ids[place]!);
      const changed = ids.with(place, other);
      for (const wrong of [lost, doubled, changed].filter((each) => each.join() !== ids.join())) {
        expect(tokens.answer(wrong, 8)).not.toEqual(answer);
      }
    }),
  );
});

test("another seed gives other answers", () => {
  const other = new MockTokens({ vocabSize: VOCABULARY, stopTokenIds: [], seed: 2 });
  expect(other.answer([1, 2, 3], 8)).not.toEqual(tokens.answer([1, 2, 3], 8));
});

test("a vocabulary of stop tokens alone is refused", () => {
  expect(() => new MockTokens({ vocabSize: 1, stopTokenIds: [0], seed: 0 })).toThrow(
    "Cannot write tokens: 1 are known, of which 1 end an answer",
  );
});
