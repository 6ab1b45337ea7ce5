import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import type { CallEvent } from "./call-reader.ts";
import { ToolCallParser, type ToolFormat } from "./tool-call-parser.ts";

interface Answer {
  readonly text: string;
  readonly calls: readonly { readonly name: string; readonly arguments: string }[];
}

function read(format: ToolFormat, pieces: readonly string[]): Answer {
  const parser = new ToolCallParser(format);
  return collect([...pieces.flatMap((piece) => [...parser.push(piece)]), ...parser.flush()]);
}

function collect(events: readonly CallEvent[]): Answer {
  let text = "";
  const calls: { name: string; arguments: string }[] = [];
  for (const event of events) {
    if (event.type === "text") text += event.text;
    else if (event.type === "call") calls[event.call] = { name: event.name, arguments: "" };
    else calls[event.call]!.arguments += event.text;
  }
  return { text, calls };
}

const json = fc.dictionary(fc.string(), fc.jsonValue() as fc.Arbitrary<unknown>);
const call = fc.record({ name: fc.stringMatching(/^[a-z_]{1,12}$/), arguments: json });
const hermes = (calls: readonly object[]) =>
  calls.map((one) => `<tool_call>\n${JSON.stringify(one)}\n</tool_call>`).join("\n");
const WRITERS: Readonly<
  Record<ToolFormat, (calls: readonly { name: string; arguments: object }[]) => string>
> = {
  hermes,
  mistral: (calls) => `[TOOL_CALLS] ${JSON.stringify(calls)}`,
  llama: ([one]) => JSON.stringify({ name: one!.name, parameters: one!.arguments }),
};

/** The text cut at these places. */
function cut(text: string, places: readonly number[]): readonly string[] {
  const ends = [...places.map((place) => place % (text.length + 1)), text.length].sort((a, b) => a - b);
  return ends.map((end, index) => text.slice(index === 0 ? 0 : ends[index - 1], end));
}

describe.each(["hermes", "mistral", "llama"] as const)("In the format %s", (format) => {
  test("calls are read as they were written, however the text is cut", () => {
    const many = fc.array(call, { minLength: 1, maxLength: format === "llama" ? 1 : 4 });
    fc.assert(
      fc.property(many, fc.array(fc.nat()), (calls, places) => {
        const answer = read(format, cut(WRITERS[format](calls), places));
        expect(answer.text).toBe("");
        expect(answer.calls).toEqual(
          calls.map((one) => ({ name: one.name, arguments: JSON.stringify(one.arguments) })),
        );
      }),
    );
  });

  test("any text gives the same, however it is cut", () => {
    const piece = fc.constantFrom(
      "<tool_call>",
      "</tool_call>",
      "[TOOL_CALLS]",
      "<|python_tag|>",
      '{"name": "f", "arguments": {',
      '"a": 1}}',
      "[",
      "]",
      ",",
      " ",
      "\n",
      "x",
      "<",
      '"',
      "{}",
    );
    fc.assert(
      fc.property(
        fc.array(piece).map((pieces) => pieces.join("")),
        fc.array(fc.nat()),
        (text, places) => {
          expect(read(format, cut(text, places))).toEqual(read(format, [text]));
        },
      ),
    );
  });

  test("text without a call is that text", () => {
    const plain = fc.string().filter((text) => !/[<[{]/.test(text) && text.trim() !== "");
    fc.assert(
      fc.property(plain, fc.array(fc.nat()), (text, places) => {
        expect(read(format, cut(text, places))).toEqual({ text, calls: [] });
      }),
    );
  });
});

test("text before and after calls is text, white space around them is not", () => {
  const text = `I look. \n${hermes([{ name: "f", arguments: { a: 1 } }])}\n`;
  expect(read("hermes", [text])).toEqual({ text: "I look.", calls: [{ name: "f", arguments: '{"a":1}' }] });
});

test.each([
  ['<tool_call>{"arguments": {"a": 1}, "name": "f"}</tool_call>', '{"a": 1}'],
  ['<tool_call>{"name": "f"}</tool_call>', "{}"],
  ['<tool_call>{"name": "f", "arguments": "{\\"a\\": 1}"}</tool_call>', '{"a": 1}'],
  ['<tool_call>{"id": [1, {"name": 2}], "name": "f", "arguments": {}}</tool_call>', "{}"],
  ['<tool_call>{"name": "f", "arguments": {"a": "cut sho', '{"a": "cut sho'],
])("members in any order, and missing ones: %s", (text, expected) => {
  expect(read("hermes", [text])).toEqual({ text: "", calls: [{ name: "f", arguments: expected }] });
});

test.each([
  ["hermes", "<tool_call>no</tool_call>"],
  ["hermes", "a < b <tool"],
  ["hermes", '<tool_call>{"name'],
  ["llama", '{"city": "Rome"}'],
  ["llama", "<|python_tag|>print(1)"],
  ["mistral", "[TOOL_CALLS]x"],
] as const)("what is no call after all is text: %s %s", (format, text) => {
  expect(read(format, [text])).toEqual({ text, calls: [] });
});

test("a call of Llama may come after its marker", () => {
  const text = '<|python_tag|>{"name": "f", "parameters": {"a": 1}}';
  expect(read("llama", [text])).toEqual({ text: "", calls: [{ name: "f", arguments: '{"a": 1}' }] });
});
