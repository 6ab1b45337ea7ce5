/** Must hold: a decode worker killed in mid-stream costs its clients one pause and nothing else, up to the limit. */
import { randomUUID } from "node:crypto";
import { BABBLE_MODEL } from "@baton/model/testing";
import { ATTR } from "@baton/tracing";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { MovingStreams, movesOf, textOf, writingWorker } from "../support/moving-streams.ts";
import { collect, post } from "../support/sse.ts";

const GREEDY = {
  model: BABBLE_MODEL,
  prompt: "Once upon a time there was a worker",
  max_tokens: 1500,
  temperature: 0,
  ignore_eos: true,
};
const SEEDED = { ...GREEDY, temperature: 0.8, seed: 11, frequency_penalty: 0.2, repetition_penalty: 1.1 };

let streams: MovingStreams;

beforeAll(async () => {
  streams = await MovingStreams.start({
    prefill: 2,
    decode: 3,
    routerArgs: ["--migration-limit", "2"],
    workerArgs: ["--drain-timeout-ms", "50"],
  });
}, 60_000);

afterAll(() => streams?.[Symbol.asyncDispose]());

/** Lets a stream begin, ends the worker that writes it, and reads the rest. */
async function disturbed(body: object, signal: NodeJS.Signals = "SIGKILL", id: string = randomUUID()) {
  const stream = await streams.begin(body, 20, id);
  const rest = stream.rest();
  const writer = await writingWorker(streams.cluster);
  const exit = await streams.cluster.end(writer, signal);
  const payloads = await rest;
  await streams.cluster.restart(writer);
  return { id, payloads, writer, exit };
}

async function whole(body: object) {
  const response = await post(`${streams.cluster.url}/v1/completions`, body);
  const [text] = await collect(response);
  return JSON.parse(text!);
}

describe("a decode worker killed in mid-stream", () => {
  test.each([
    ["greedy", GREEDY],
    ["with a seed and penalties", SEEDED],
  ])(
    "%s: the stream goes on as if nothing had happened",
    async (_, body) => {
      const undisturbed = await whole(body);
      const { id, payloads, writer } = await disturbed({ ...body, stream_options: { include_usage: true } });
      expect(payloads.at(-1)).toBe("[DONE]");
      expect(textOf(payloads)).toBe(undisturbed.choices[0].text);
      const usage = JSON.parse(payloads.at(-2)!).usage;
      const { prompt_tokens, completion_tokens } = undisturbed.usage;
      expect(usage).toMatchObject({ prompt_tokens, completion_tokens });

      const trace = await streams.traceOf(id, { legs: 2 });
      const [move, ...others] = movesOf(trace);
      expect(others).toEqual([]);
      expect(move).toEqual({ reason: "worker_lost", answered: expect.any(Number) });
      const root = trace.find(({ parentSpanId }) => parentSpanId === undefined)!;
      expect([root.attributes[ATTR.errorType], root.attributes[ATTR.migrations]]).toEqual([undefined, 1]);
      const workers = trace
        .filter(({ name }) => name === "decode_leg")
        .map((leg) => leg.attributes[ATTR.workerId]);
      expect(workers).toHaveLength(2);
      expect(workers.filter((worker) => worker === writer)).toHaveLength(1);
      await streams.cluster.atRest();
    },
    60_000,
  );

  test("an answer that is not streamed comes whole", async () => {
    const undisturbed = await whole(GREEDY);
    const answer = whole(GREEDY);
    const writer = await writingWorker(streams.cluster);
    await streams.cluster.end(writer, "SIGKILL");
    expect((await answer).choices).toEqual(undisturbed.choices);
    await streams.cluster.restart(writer);
    await streams.cluster.atRest();
  }, 60_000);

  test("log-probabilities come for every token, once", async () => {
    const body = { ...GREEDY, logprobs: 2 };
    const undisturbed = await whole(body);
    const { payloads } = await disturbed(body);
    // biome-ignore lint/suspicious/noExplicitAny: events of the API
    const parts = payloads.slice(0, -1).map((payload) => JSON.parse(payload).choices[0].logprobs as any);
    const joined = (key: string) => parts.flatMap((part) => part?.[key] ?? []);
    const { tokens, text_offset, token_logprobs } = undisturbed.choices[0].logprobs;
    expect(joined("tokens")).toEqual(tokens);
    expect(joined("text_offset")).toEqual(text_offset);
    const logprobs: number[] = joined("token_logprobs");
    for (const [index, logprob] of logprobs.entries()) expect(logprob).toBeCloseTo(token_logprobs[index], 2);
  }, 60_000);

  test("a stop string ends the answer where it would have", async () => {
    const { text } = (await whole(SEEDED)).choices[0];
    const stop = text.slice(-40, -30);
    const { payloads } = await disturbed({ ...SEEDED, stop: [stop] });
    expect(payloads.at(-1)).toBe("[DONE]");
    expect(textOf(payloads)).toBe(text.slice(0, text.indexOf(stop)));
  }, 60_000);

  test("each of two choices goes on", async () => {
    const body = { ...SEEDED, n: 2 };
    const undisturbed = await whole(body);
    const { payloads } = await disturbed(body);
    expect(payloads.at(-1)).toBe("[DONE]");
    for (const { index, text } of undisturbed.choices) {
      const own = payloads.filter((payload) => payload !== "[DONE]").map((payload) => JSON.parse(payload));
      const mine = own.flatMap(({ choices }) =>
        choices.filter((choice: { index: number }) => choice.index === index),
      );
      expect(mine.map((choice) => choice.text).join("")).toBe(text);
    }
  }, 60_000);

  test("again and again: the answer goes on up to the limit, then there is a clear error", async () => {
    const id = randomUUID();
    const body = { ...GREEDY, max_tokens: 6000 };
    const stream = await streams.begin(body, 20, id);
    const rest = stream.rest();
    const ended: string[] = [];
    for (let kill = 0; kill < 3; kill++) {
      const writer = await writingWorker(streams.cluster);
      await streams.cluster.end(writer, "SIGKILL");
      ended.push(writer);
    }
    const payloads = await rest;
    expect(JSON.parse(payloads.at(-1)!)).toMatchObject({ error: { code: "worker_lost" } });
    await Promise.all(ended.map((name) => streams.cluster.restart(name)));
    const trace = await streams.traceOf(id, { legs: 3, outcome: "error" });
    expect(movesOf(trace)).toHaveLength(2);
    await streams.cluster.ready();
    const { text } = (await whole(GREEDY)).choices[0];
    const begun = textOf(payloads.slice(0, -1));
    const length = Math.min(begun.length, text.length);
    expect(begun.slice(0, length)).toBe(text.slice(0, length));
    await streams.cluster.atRest();
  }, 90_000);
});

describe("a decode worker that is stopped in mid-stream", () => {
  test("hands its streams over at the end of its drain time, and exits well", async () => {
    const body = { ...GREEDY, max_tokens: 3000 };
    const undisturbed = await whole(body);
    const { id, payloads, exit } = await disturbed(body, "SIGTERM");
    expect(exit).toBe(0);
    expect(payloads.at(-1)).toBe("[DONE]");
    expect(textOf(payloads)).toBe(undisturbed.choices[0].text);
    const trace = await streams.traceOf(id, { legs: 2 });
    expect(movesOf(trace)).toEqual([{ reason: "unavailable", answered: expect.any(Number) }]);
    await streams.cluster.atRest();
  }, 60_000);
});

test("an aggregated worker killed in mid-stream: the other goes on", async () => {
  await using pair = await MovingStreams.start({ mode: "aggregated", decode: 2 });
  const id = randomUUID();
  const stream = await pair.begin(GREEDY, 20, id);
  await pair.cluster.end(await writingWorker(pair.cluster), "SIGKILL");
  const payloads = await stream.rest();
  expect(payloads.at(-1)).toBe("[DONE]");
  expect(movesOf(await pair.traceOf(id, { legs: 2, rooms: false }))).toHaveLength(1);
  const undisturbed = await pair.begin(GREEDY, 0);
  expect(textOf(payloads)).toBe(textOf(await undisturbed.rest()));
}, 60_000);
