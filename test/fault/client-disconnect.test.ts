/** Must hold: a client that leaves, in any phase, stops both legs and every block returns. */
import { BABBLE_MODEL } from "@baton/model/testing";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { Cluster } from "../support/cluster.ts";
import { eventually } from "../support/eventually.ts";
import { post } from "../support/sse.ts";

let cluster: Cluster;

beforeAll(async () => {
  // Small chunks make a long prompt many steps, so that every phase can be met.
  cluster = await Cluster.start({ workerArgs: ["--chunk-tokens", "32", "--max-running", "2"] });
}, 60_000);

afterAll(() => cluster?.[Symbol.asyncDispose]());

const LONG = 8000;

function request(promptTokens: number, maxTokens: number) {
  // Each prompt starts differently, so that no prefix cache shortens its phases.
  const prompt = `${Math.random()}`.padEnd(promptTokens, "a longer story ").slice(0, promptTokens);
  return { model: BABBLE_MODEL, prompt, max_tokens: maxTokens, temperature: 0, stream: true };
}

/** Sends a request and leaves it once `phase` is reached; resolves when the client's side is closed. */
async function leaveWhen(body: object, phase: () => Promise<unknown>): Promise<void> {
  const controller = new AbortController();
  const answer = fetch(`${cluster.url}/v1/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
    signal: controller.signal,
  }).then((response) => response.text());
  await phase();
  controller.abort();
  await expect(answer).rejects.toThrow();
}

async function expectNothingLeft(): Promise<void> {
  await cluster.atRest();
  const baseline = await cluster.openai.completions.create({
    model: BABBLE_MODEL,
    prompt: "Still there?",
    max_tokens: 4,
  });
  expect(baseline.choices).toHaveLength(1);
  await cluster.atRest();
}

describe("a client that leaves", () => {
  test("while its request is queued behind another prompt", async () => {
    const ahead = await Promise.all([post(`${cluster.url}/v1/completions`, request(1, 1))]);
    for (const { events } of ahead) for await (const _ of events);
    const blocker = new AbortController();
    const blocking = fetch(`${cluster.url}/v1/completions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(request(LONG, 4)),
      signal: blocker.signal,
    });
    await cluster.until(
      "prefill-0",
      "prefills the prompt ahead",
      ({ sequences }) => sequences.prefilling >= 1,
    );
    await leaveWhen(request(LONG, 4), () =>
      cluster.until(
        "prefill-0",
        "has two prompts",
        ({ sequences }) => sequences.prefilling + sequences.waiting >= 2,
      ),
    );
    await cluster.until(
      "prefill-0",
      "has one prompt again",
      ({ sequences }) => sequences.prefilling + sequences.waiting <= 1,
    );
    expect((await blocking).status).toBe(200);
    blocker.abort();
    await expectNothingLeft();
  });

  test("while its prompt is prefilled", async () => {
    await leaveWhen(request(LONG, 4), () =>
      cluster.until("prefill-0", "prefills", ({ sequences }) => sequences.prefilling === 1),
    );
    await expectNothingLeft();
  });

  test("while its KV is transferred", async () => {
    await leaveWhen(request(LONG, 4), () =>
      cluster.until(
        "decode-0",
        "receives KV",
        ({ sequences, rooms }) => rooms.transferring === 1 && sequences.receiving === 1,
      ),
    );
    await expectNothingLeft();
  });

  test("while its answer is decoded", async () => {
    const stream = await post(`${cluster.url}/v1/completions`, request(10, 5000));
    for await (const event of stream.events) {
      if (event.includes('"text"')) break;
    }
    stream.leave();
    await expectNothingLeft();
  });

  test("while it waits for a place in the decode batch", async () => {
    const running = await Promise.all(
      [0, 1].map(() => post(`${cluster.url}/v1/completions`, request(10, 5000))),
    );
    await cluster.until("decode-0", "runs two", ({ sequences }) => sequences.running === 2);
    await leaveWhen(request(100, 10), () =>
      cluster.until("decode-0", "has one ready", ({ sequences }) => sequences.ready === 1),
    );
    await cluster.until("decode-0", "has none ready", ({ sequences }) => sequences.ready === 0);
    for (const stream of running) stream.leave();
    await expectNothingLeft();
  });

  test("twenty at once, at random moments", async () => {
    await Promise.all(
      Array.from({ length: 20 }, async (_, i) => {
        const controller = new AbortController();
        const answer = fetch(`${cluster.url}/v1/completions`, {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify(request(200 * (i + 1), 50)),
          signal: controller.signal,
        }).then((response) => response.text());
        setTimeout(() => controller.abort(), i * 37);
        await answer.catch(() => {});
      }),
    );
    await expectNothingLeft();
  });
});

test("no handle of a worker outlives its requests", async () => {
  const kinds = async (name: string) => (await cluster.status(name)).activeResources;
  const before = { prefill: await kinds("prefill-0"), decode: await kinds("decode-0") };
  await Promise.all(
    Array.from({ length: 10 }, () =>
      leaveWhen(request(LONG, 4), () =>
        cluster.until("prefill-0", "is busy", ({ sequences }) => sequences.prefilling >= 1),
      ),
    ),
  );
  await cluster.atRest();
  for (const [name, handles] of [
    ["prefill-0", before.prefill],
    ["decode-0", before.decode],
  ] as const) {
    await eventually(`${name} has no handle more than before`, async () => {
      const now = await kinds(name);
      return Object.keys(now).every((kind) => (now[kind] ?? 0) <= (handles[kind] ?? 0) + slack(kind));
    });
  }
});

/** The calls that look are handles too: one call in flight with its time-out. */
function slack(kind: string): number {
  return kind === "Timeout" || kind.startsWith("TCP") ? 1 : 0;
}
