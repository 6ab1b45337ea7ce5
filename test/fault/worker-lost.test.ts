/** Must hold: a worker that dies gives its clients a clear error at once, and is used again once it is back. */
import { BABBLE_MODEL } from "@baton/model/testing";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { Cluster } from "../support/cluster.ts";
import { collect, post } from "../support/sse.ts";

let cluster: Cluster;

beforeAll(async () => {
  cluster = await Cluster.start({ workerArgs: ["--chunk-tokens", "32"] });
}, 60_000);

afterAll(() => cluster?.[Symbol.asyncDispose]());

function request(promptTokens: number, maxTokens: number, stream: boolean) {
  const prompt = `${Math.random()}`.padEnd(promptTokens, "once upon a time ").slice(0, promptTokens);
  return { model: BABBLE_MODEL, prompt, max_tokens: maxTokens, temperature: 0, stream };
}

const serverError = {
  error: {
    message: expect.any(String),
    type: "server_error",
    param: null,
    code: expect.stringMatching(/^(worker_lost|kv_transfer_failed|unavailable)$/),
  },
};

/** The bound on how long a client may be left waiting. */
const CLEAR_ERROR_WITHIN_MS = 2000;

async function expectServiceAgain(name: string): Promise<void> {
  await cluster.restart(name);
  await cluster.ready();
  const answer = await cluster.openai.completions.create({
    model: BABBLE_MODEL,
    prompt: "Back?",
    max_tokens: 4,
  });
  expect(answer.usage?.prompt_tokens).toBe(5);
  await cluster.atRest();
}

describe("the prefill worker killed in mid-transfer", () => {
  test.each([false, true])("is a clear error to the client (stream: %s)", async (stream) => {
    const answer = post(`${cluster.url}/v1/completions`, request(8000, 4, stream));
    await cluster.until("decode-0", "receives KV", ({ rooms }) => rooms.transferring === 1);
    const killedAt = performance.now();
    await cluster.end("prefill-0", "SIGKILL");
    const response = await answer;
    const [body] = await collect(response);
    expect(performance.now() - killedAt).toBeLessThan(CLEAR_ERROR_WITHIN_MS);
    expect(response.status).toBeGreaterThanOrEqual(500);
    expect(JSON.parse(body!)).toEqual(serverError);
    await cluster.until(
      "decode-0",
      "is at rest",
      ({ blocks, kvConnections }) => blocks.used === 0 && kvConnections === 0,
    );
    await expectServiceAgain("prefill-0");
  });
});

describe("the decode worker killed in mid-stream", () => {
  test("is one error event, and no [DONE]", async () => {
    const stream = await post(`${cluster.url}/v1/completions`, request(20, 5000, true));
    const events: string[] = [];
    let killedAt = 0;
    for await (const event of stream.events) {
      events.push(event);
      if (events.length === 3) {
        killedAt = performance.now();
        await cluster.end("decode-0", "SIGKILL");
      }
    }
    expect(performance.now() - killedAt).toBeLessThan(CLEAR_ERROR_WITHIN_MS);
    expect(JSON.parse(events.at(-1)!)).toEqual(serverError);
    expect(events).not.toContain("[DONE]");
    await cluster.until(
      "prefill-0",
      "is at rest",
      ({ blocks, kvConnections }) => blocks.used === 0 && kvConnections === 0,
    );
    await expectServiceAgain("decode-0");
  });

  test("is a 5xx with a clear error to a client that does not stream", async () => {
    const answer = post(`${cluster.url}/v1/completions`, request(20, 5000, false));
    await cluster.until("decode-0", "decodes", ({ sequences }) => sequences.running === 1);
    const killedAt = performance.now();
    await cluster.end("decode-0", "SIGKILL");
    const response = await answer;
    const [body] = await collect(response);
    expect(performance.now() - killedAt).toBeLessThan(CLEAR_ERROR_WITHIN_MS);
    expect(response.status).toBeGreaterThanOrEqual(500);
    expect(JSON.parse(body!)).toEqual(serverError);
    await expectServiceAgain("decode-0");
  });
});

test("without a worker of a role, readiness says which is missing and requests are refused at once", async () => {
  await cluster.end("decode-0");
  const readiness = await fetch(`${cluster.url}/readiness`);
  expect(readiness.status).toBe(503);
  expect(await readiness.text()).toContain("decode");
  const response = await post(`${cluster.url}/v1/completions`, request(20, 4, false));
  expect(response.status).toBe(503);
  expect(JSON.parse((await collect(response))[0]!)).toMatchObject({ error: { code: "unavailable" } });
  await expectServiceAgain("decode-0");
});
