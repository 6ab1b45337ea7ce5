import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { createStopMatcher, type StopMatch } from "./stop-matcher.ts";

/** The definition: the first end wins, then the longest. */
function search(text: string, stops: readonly string[]): StopMatch {
  for (let end = 1; end <= text.length; end++) {
    const [matched] = stops
      .filter((stop) => text.slice(0, end).endsWith(stop))
      .toSorted((a, b) => b.length - a.length);
    if (matched !== undefined) return { text: text.slice(0, end - matched.length), matched };
  }
  return { text };
}

function run(pieces: readonly string[], stops: readonly string[]): StopMatch {
  const matcher = createStopMatcher(stops);
  let text = "";
  for (const piece of pieces) {
    const step = matcher.push(piece);
    text += step.text;
    if (step.matched !== undefined) return { text, matched: step.matched };
  }
  return { text: text + matcher.flush() };
}

/** Few letters, so that stop strings overlap with themselves, each other and the text. */
const letters = (constraints: fc.StringConstraints) =>
  fc.string({ ...constraints, unit: fc.constantFrom("a", "b", "é", "😀") });

describe("A stop matcher", () => {
  test("finds what a search of the whole text finds, however the text is cut", () => {
    const stops = fc.array(letters({ minLength: 1, maxLength: 6 }), { maxLength: 4 });
    fc.assert(
      fc.property(fc.array(letters({ maxLength: 5 })), stops, (pieces, strings) => {
        expect(run(pieces, strings)).toEqual(search(pieces.join(""), strings));
      }),
    );
  });

  test("holds back only what can still become a stop string", () => {
    const matcher = createStopMatcher(["\nUser:"]);
    expect(matcher.push("Hi\n")).toEqual({ text: "Hi" });
    expect(matcher.push("Us")).toEqual({ text: "" });
    expect(matcher.push("\nUs")).toEqual({ text: "\nUs" });
    expect(matcher.push("age")).toEqual({ text: "\nUsage" });
  });

  test("passes all text at once when there are no stop strings", () => {
    expect(createStopMatcher([]).push("anything")).toEqual({ text: "anything" });
  });

  test("drops what follows a match", () => {
    const matcher = createStopMatcher(["END"]);
    expect(matcher.push("a END b")).toEqual({ text: "a ", matched: "END" });
    expect(matcher.push("c")).toEqual({ text: "" });
    expect(matcher.flush()).toBe("");
  });

  test("returns what it held back when the answer ends", () => {
    const matcher = createStopMatcher(["END"]);
    expect(matcher.push("the EN")).toEqual({ text: "the " });
    expect(matcher.flush()).toBe("EN");
  });

  test("never cuts a character of two code units", () => {
    const matcher = createStopMatcher(["😀"]);
    expect(matcher.push("😁")).toEqual({ text: "😁" });
  });

  test("refuses an empty stop string", () => {
    expect(() => createStopMatcher(["a", ""])).toThrow(
      expect.objectContaining({ code: "invalid_argument", param: "stop" }),
    );
  });
});
