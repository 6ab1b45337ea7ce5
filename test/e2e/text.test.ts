/** Text over the whole cluster, with a model whose continuation is known exactly: characters, stop strings, ends. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { writeSuccessorCheckpoint } from "@baton/model/testing";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { Cluster } from "../support/cluster.ts";
import { collect, post } from "../support/sse.ts";

/** Characters of one to four bytes, some of which follow one another byte by byte only. */
const CYCLE = "Hello 😀 wörld 🌍! 日本語 👩‍🚀 fin. ";

let folder: string;
let cluster: Cluster;
let model: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "baton-text-"));
  const checkpoint = join(folder, "cycle");
  await writeSuccessorCheckpoint(checkpoint, { cycle: CYCLE });
  cluster = await Cluster.start({ model: checkpoint });
  model = (await cluster.openai.models.list()).data[0]!.id;
}, 60_000);

afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

const REPEATED = CYCLE.repeat(20);

describe("a stream", () => {
  test("never splits a character, and its parts add up to the whole", async () => {
    const stream = await post(`${cluster.url}/v1/completions`, {
      model,
      prompt: "x",
      max_tokens: 300,
      stream: true,
    });
    const parts = (await collect(stream))
      .filter((payload) => payload !== "[DONE]")
      .map((payload) => JSON.parse(payload).choices[0].text as string);
    expect(parts.length).toBeGreaterThan(50);
    for (const part of parts) {
      expect(part.isWellFormed()).toBe(true);
      expect(part).not.toContain("\uFFFD");
    }
    const text = parts.join("");
    expect(text.length).toBeGreaterThan(50);
    expect(REPEATED.startsWith(text)).toBe(true);
  });

  test("gives the same text as the whole answer, whatever the length cuts through", async () => {
    for (let maxTokens = 1; maxTokens <= 24; maxTokens++) {
      const body = { model, prompt: "x", max_tokens: maxTokens };
      const [whole] = await collect(await post(`${cluster.url}/v1/completions`, body));
      const parts = await collect(await post(`${cluster.url}/v1/completions`, { ...body, stream: true }));
      const streamed = parts.slice(0, -1).map((payload) => JSON.parse(payload).choices[0].text);
      expect(streamed.join("")).toBe(JSON.parse(whole!).choices[0].text);
    }
  });
});

describe("a stop string", () => {
  async function until(stop: string | string[], stream: boolean) {
    const answer = await post(`${cluster.url}/v1/completions`, {
      model,
      prompt: "x",
      max_tokens: 400,
      stop,
      stream,
    });
    const payloads = (await collect(answer))
      .filter((payload) => payload !== "[DONE]")
      .map((payload) => JSON.parse(payload));
    return {
      text: payloads.map(({ choices }) => choices[0]?.text ?? "").join(""),
      reason: payloads.map(({ choices }) => choices[0]?.finish_reason).findLast((reason) => reason !== null),
    };
  }

  test.each([false, true])("ends the answer before it (stream: %s)", async (stream) => {
    expect(await until("🌍", stream)).toEqual({ text: "Hello 😀 wörld ", reason: "stop" });
    expect(await until("ld 🌍! 日", stream)).toEqual({ text: "Hello 😀 wör", reason: "stop" });
    expect(await until(["never", "fin", "本"], stream)).toEqual({
      text: "Hello 😀 wörld 🌍! 日",
      reason: "stop",
    });
    await cluster.atRest();
  });

  test("that never comes holds nothing back at the end", async () => {
    const { text, reason } = await until("fin. Hello 😀 wörld 🌍? ", true);
    expect(reason).toBe("length");
    expect(REPEATED.startsWith(text)).toBe(true);
  });
});

test("an end-of-sequence token ends the answer and is not part of it", async () => {
  const ending = join(folder, "ending");
  await writeSuccessorCheckpoint(ending, { cycle: "Goodbye 🌙.", ending: "stop" });
  await using other = await Cluster.start({ model: ending });
  const { id } = (await other.openai.models.list()).data[0]!;
  const completion = await other.openai.chat.completions.create({
    model: id,
    messages: [{ role: "user", content: "Bye!" }],
    max_tokens: 100,
  });
  expect(completion.choices[0]).toMatchObject({ message: { content: "Goodbye 🌙." }, finish_reason: "stop" });
});
