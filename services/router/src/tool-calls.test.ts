/** Calls of tools in answers, as clients see them, whole and streamed. */
import { ensureBabbleToolsCheckpoint } from "@baton/model/testing";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { jsonOf, TestCluster, tokensOf } from "./testing/test-cluster.ts";

const ANSWER =
  'I look.\n<tool_call>\n{"name": "look", "arguments": {"at": "it"}}\n</tool_call>\n<tool_call>\n{"name": "wait"}\n</tool_call>';
let cluster: TestCluster;
let written = ANSWER;

beforeAll(async () => {
  cluster = await TestCluster.start({
    ensureModel: ensureBabbleToolsCheckpoint,
    script: { generate: (call) => tokensOf(written, call) },
  });
});
afterAll(() => cluster[Symbol.asyncDispose]());

const tools = [
  { type: "function", function: { name: "look", parameters: { type: "object" } } },
  { type: "function", function: { name: "wait" } },
];

test("a whole answer has its text and its calls", async () => {
  written = ANSWER;
  const { choices } = await jsonOf(await cluster.chat({ tools }));
  expect(choices).toMatchObject([
    {
      finish_reason: "tool_calls",
      message: {
        content: "I look.",
        tool_calls: [
          { type: "function", function: { name: "look", arguments: '{"at": "it"}' } },
          { type: "function", function: { name: "wait", arguments: "{}" } },
        ],
      },
    },
  ]);
});

test("a streamed answer begins each call with its id and name, and goes on with its arguments", async () => {
  written = ANSWER;
  const body = await (await cluster.chat({ tools, stream: true })).text();
  const chunks = body.split("\n\n").filter((line) => line.startsWith("data: {"));
  const choices = chunks.map((line) => JSON.parse(line.slice(6)).choices[0]);
  const pieces = choices.flatMap(({ delta }) => delta.tool_calls ?? []);
  expect(choices.map(({ delta }) => delta.content ?? "").join("")).toBe("I look.");
  const begun = pieces.filter(({ id }) => id !== undefined);
  expect(begun).toMatchObject([
    { index: 0, type: "function", function: { name: "look" } },
    { index: 1, type: "function", function: { name: "wait" } },
  ]);
  const textOf = (wanted: number) =>
    pieces
      .filter(({ index }) => index === wanted)
      .map((piece) => piece.function.arguments)
      .join("");
  expect([textOf(0), textOf(1)]).toEqual(['{"at": "it"}', "{}"]);
  expect(choices.at(-1)).toMatchObject({ delta: {}, finish_reason: "tool_calls" });
});

test("with the choice none, the model hears of no tools, and its text is its text", async () => {
  written = ANSWER;
  const { choices } = await jsonOf(await cluster.chat({ tools, tool_choice: "none" }));
  expect(choices).toMatchObject([{ finish_reason: "stop", message: { content: ANSWER } }]);
});

test("earlier calls and their results are in the prompt, as the template writes them", async () => {
  written = "fine";
  const call = { id: "call_1", type: "function", function: { name: "look", arguments: '{"at":"it"}' } };
  const messages = [
    { role: "user", content: "Look" },
    { role: "assistant", content: null, tool_calls: [call] },
    { role: "tool", tool_call_id: "call_1", content: "a thing" },
  ];
  await cluster.chat({ tools, messages });
  const { request } = cluster.worker("decode-0").generations.at(-1)!;
  const prompt = Buffer.from(request.promptTokenIds.filter((id) => id < 256)).toString();
  expect(prompt).toContain('"name": "look", "arguments": {"at": "it"}');
  expect(prompt).toContain("<tool_response>\na thing\n</tool_response>");
});
