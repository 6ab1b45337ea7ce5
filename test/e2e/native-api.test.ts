/** SGLang's native endpoints against a real cluster: generate, abort, tokens, what is served. */
import { BABBLE_MODEL } from "@baton/model/testing";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { Cluster } from "../support/cluster.ts";
import { eventually } from "../support/eventually.ts";
import { collect, post } from "../support/sse.ts";

let cluster: Cluster;

beforeAll(async () => {
  cluster = await Cluster.start();
}, 60_000);

afterAll(() => cluster?.[Symbol.asyncDispose]());

// biome-ignore lint/suspicious/noExplicitAny: tests reach into JSON of many shapes
type Json = any;

async function call(path: string, body: unknown): Promise<{ status: number; body: Json }> {
  const answer = await post(`${cluster.url}${path}`, body);
  return { status: answer.status, body: JSON.parse((await collect(answer))[0]!) };
}

async function events(body: object): Promise<Json[]> {
  const payloads = await collect(await post(`${cluster.url}/generate`, { ...body, stream: true }));
  expect(payloads.at(-1)).toBe("[DONE]");
  return payloads.slice(0, -1).map((payload) => JSON.parse(payload));
}

const params = { max_new_tokens: 6, temperature: 0 };
const text = "Once upon a time";
/** The babbling model's tokens are bytes. */
const input_ids = [...Buffer.from(text)];

describe("POST /generate", () => {
  test("answers a text in SGLang's shape, with what /v1/completions writes", async () => {
    const { body } = await call("/generate", { text, sampling_params: params, rid: "my-request" });
    expect(body).toEqual({
      text: expect.any(String),
      output_ids: expect.any(Array),
      meta_info: {
        id: "my-request",
        finish_reason: { type: "length", length: 6 },
        prompt_tokens: text.length,
        completion_tokens: 6,
        cached_tokens: expect.any(Number),
        e2e_latency: expect.any(Number),
      },
    });
    expect(body.output_ids).toHaveLength(6);
    const request = { model: BABBLE_MODEL, prompt: text, max_tokens: 6, temperature: 0 };
    expect(body.text).toBe((await cluster.openai.completions.create(request)).choices[0]!.text);
  });

  test("answers token ids as it does their text", async () => {
    const [ofText, ofIds] = await Promise.all([
      call("/generate", { text, sampling_params: params }),
      call("/generate", { input_ids, sampling_params: params }),
    ]);
    expect(ofIds.body.text).toBe(ofText.body.text);
    expect(ofIds.body.output_ids).toEqual(ofText.body.output_ids);
  });

  test("writes 128 tokens unless told otherwise, and says which stop string ended the answer", async () => {
    const whole = await call("/generate", { text, sampling_params: { temperature: 0, ignore_eos: true } });
    expect(whole.body.meta_info.completion_tokens).toBe(128);
    const stop = whole.body.text.slice(5, 8);
    const { body } = await call("/generate", { text, sampling_params: { temperature: 0, stop: [stop] } });
    expect(body.meta_info.finish_reason).toEqual({ type: "stop", matched: stop });
    expect(body.text).toBe(whole.body.text.slice(0, whole.body.text.indexOf(stop)));
  });

  test("answers a batch with a list, several choices of each prompt one after the other", async () => {
    const batch = [text, "Tea"];
    const { body } = await call("/generate", { text: batch, sampling_params: { ...params, n: 2 }, rid: "b" });
    expect(body.map(({ meta_info }: Json) => meta_info.id)).toEqual(["b", "b#1", "b#2", "b#3"]);
    expect(body.map(({ meta_info }: Json) => meta_info.prompt_tokens)).toEqual([16, 16, 3, 3]);
    const alone = await Promise.all(
      batch.map((one) => call("/generate", { text: one, sampling_params: params })),
    );
    expect([body[0].text, body[2].text]).toEqual(alone.map((one) => one.body.text));
    await cluster.atRest();
  });

  test("streams the text so far with each event, and says how it ended with the last", async () => {
    const said = await events({ text, sampling_params: params });
    const { body } = await call("/generate", { text, sampling_params: params });
    for (const [index, event] of said.entries()) {
      expect(body.text.startsWith(event.text)).toBe(true);
      expect(event.meta_info.finish_reason === null).toBe(index < said.length - 1);
    }
    expect(said.at(-1)).toMatchObject({ text: body.text, output_ids: body.output_ids });
    expect(said.at(-1).meta_info).toMatchObject({ prompt_tokens: 16, completion_tokens: 6 });
  });

  test("streams a batch by index", async () => {
    const said = await events({ text: [text, "Tea"], sampling_params: params });
    const last = [0, 1].map((index) => said.findLast((event) => event.index === index));
    expect(last.map(({ meta_info }) => meta_info.finish_reason.type)).toEqual(["length", "length"]);
  });

  test("reports log-probabilities as triples", async () => {
    const asked = { return_logprob: true, top_logprobs_num: 2 };
    const { body } = await call("/generate", { text, sampling_params: params, ...asked });
    const { output_token_logprobs, output_top_logprobs } = body.meta_info;
    expect(output_token_logprobs.map(([, id]: Json) => id)).toEqual(body.output_ids);
    expect(output_top_logprobs.map((top: Json) => top.length)).toEqual([2, 2, 2, 2, 2, 2]);
    // Greedy: the chosen token is the most likely.
    expect(output_top_logprobs.map((top: Json) => top[0])).toEqual(output_token_logprobs);
    const spelled = await call("/generate", {
      text,
      sampling_params: params,
      ...asked,
      return_text_in_logprobs: true,
    });
    expect(spelled.body.meta_info.output_token_logprobs[0][2]).toEqual(expect.any(String));
  });

  test("gives the same answer for the same seed", async () => {
    const seeded = { text, sampling_params: { max_new_tokens: 12, temperature: 1, sampling_seed: 7 } };
    const [first, second] = await Promise.all([call("/generate", seeded), call("/generate", seeded)]);
    expect(second.body.output_ids).toEqual(first.body.output_ids);
  });

  test.each<[string, object, string]>([
    ["no prompt", {}, "text"],
    ["two prompts", { text, input_ids }, "input_ids"],
    ["a bad prompt of a batch", { text: ["a", ""] }, "text[1]"],
    ["an unknown token", { input_ids: [1, 99999] }, "input_ids"],
    ["too many prompts", { text: Array(65).fill("a"), sampling_params: { n: 2 } }, "text"],
    [
      "a parameter that does not exist",
      { text, sampling_params: { max_tokens: 5 } },
      "sampling_params.max_tokens",
    ],
    ["what is not supported", { text, sampling_params: { regex: "a+" } }, "sampling_params.regex"],
    ["parameters for each prompt", { text: ["a"], sampling_params: [{}] }, "sampling_params"],
    ["a negative temperature", { text, sampling_params: { temperature: -1 } }, "sampling_params.temperature"],
    [
      "an answer that does not fit",
      { text, sampling_params: { max_new_tokens: 1e6 } },
      "sampling_params.max_new_tokens",
    ],
    [
      "more tokens at least than at most",
      { text, sampling_params: { ...params, min_new_tokens: 7 } },
      "sampling_params.min_new_tokens",
    ],
    [
      "log-probabilities of the prompt",
      { text, return_logprob: true, logprob_start_len: 0 },
      "logprob_start_len",
    ],
    ["alternatives without log-probabilities", { text, top_logprobs_num: 2 }, "top_logprobs_num"],
    ["a room", { text, bootstrap_room: 7 }, "bootstrap_room"],
    ["a name that cannot be one", { text, rid: "a b" }, "rid"],
    ["several names", { text, rid: ["a"] }, "rid"],
  ])("refuses %s by name", async (_what, body, param) => {
    const refused = await call("/generate", body);
    expect(refused).toMatchObject({ status: 400, body: { error: { param, type: "invalid_request_error" } } });
  });
});

describe("POST /abort_request", () => {
  const endless = { text, sampling_params: { max_new_tokens: 4000, ignore_eos: true } };

  test("ends a running request by its name, and its client learns why", async () => {
    const running = call("/generate", { ...endless, rid: "to-abort" });
    await eventually("the request was there to abort", async () => {
      return (await call("/abort_request", { rid: "to-abort" })).body.aborted === 1;
    });
    expect(await running).toMatchObject({
      status: 499,
      body: { error: { code: "canceled", message: expect.stringContaining("/abort_request") } },
    });
    await cluster.atRest();
  });

  test("ends all of them, streams with an error and without [DONE]", async () => {
    const streams = await Promise.all(
      [1, 2].map(() => post(`${cluster.url}/generate`, { ...endless, stream: true })),
    );
    expect((await call("/abort_request", { abort_all: true })).body).toEqual({ aborted: 2 });
    for (const stream of streams) {
      const last = (await collect(stream)).at(-1)!;
      expect(JSON.parse(last)).toMatchObject({ error: { code: "canceled" } });
    }
    await cluster.atRest();
  });

  test("refuses a name that a running request has", async () => {
    const first = await post(`${cluster.url}/generate`, { ...endless, rid: "twice", stream: true });
    expect(await call("/generate", { ...endless, rid: "twice" })).toMatchObject({
      status: 400,
      body: { error: { param: "rid" } },
    });
    first.leave();
    await cluster.atRest();
  });

  test("says that there was nothing to abort, and asks for a name", async () => {
    expect((await call("/abort_request", { rid: "nobody" })).body).toEqual({ aborted: 0 });
    expect(await call("/abort_request", {})).toMatchObject({
      status: 400,
      body: { error: { param: "rid" } },
    });
  });
});

describe("tokens", () => {
  test("of a text and of several, and back", async () => {
    const one = await call("/v1/tokenize", { model: BABBLE_MODEL, prompt: text });
    expect(one.body).toEqual({ tokens: input_ids, count: 16, max_model_len: expect.any(Number) });
    const two = await call("/v1/tokenize", { prompt: [text, "é"] });
    expect(two.body).toMatchObject({ tokens: [input_ids, [195, 169]], count: [16, 2] });
    expect((await call("/v1/detokenize", { tokens: input_ids })).body).toEqual({ text });
    expect((await call("/v1/detokenize", { tokens: [input_ids, [195, 169]] })).body).toEqual({
      text: [text, "é"],
    });
  });

  test.each<[string, object, string]>([
    ["/v1/tokenize", {}, "prompt"],
    ["/v1/tokenize", { prompt: 7 }, "prompt"],
    ["/v1/tokenize", { prompt: "x", model: "gpt-9" }, "model"],
    ["/v1/tokenize", { prompt: "x".repeat(8_000_000) }, "prompt"],
    ["/v1/detokenize", { tokens: "x" }, "tokens"],
    ["/v1/detokenize", { tokens: [1, 99999] }, "tokens"],
  ])("%s refuses a wrong field by name", async (path, body, param) => {
    expect((await call(path, body)).body).toMatchObject({ error: { param } });
  });
});

test("what is served, and by whom", async () => {
  const model = await (await fetch(`${cluster.url}/model_info`)).json();
  expect(model).toMatchObject({
    model_path: BABBLE_MODEL,
    is_generation: true,
    max_model_len: expect.any(Number),
  });
  const server = (await (await fetch(`${cluster.url}/server_info`)).json()) as Json;
  expect(server.settings).toMatchObject({ BATON_PREFILL_POLICY: "kv", BATON_REDIS_URL: null });
  expect(server.workers.map(({ id }: Json) => id)).toEqual(["decode-0", "prefill-0"]);
});
