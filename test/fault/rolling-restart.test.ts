/** Must hold: workers restarted one after the other under load fail no request. */
import { BABBLE_MODEL } from "@baton/model/testing";
import { expect, test } from "@jest/globals";
import { Cluster } from "../support/cluster.ts";
import { eventually } from "../support/eventually.ts";
import { textOf } from "../support/moving-streams.ts";
import { collect, post } from "../support/sse.ts";

const STREAMS = 4;

test("every worker of two pairs is restarted by SIGTERM while streams run, and every answer is whole", async () => {
  await using cluster = await Cluster.start({
    prefill: 2,
    decode: 2,
    workerArgs: ["--drain-timeout-ms", "100"], // Shorter than an answer: some must move.
  });
  const body = (stream: number) => ({
    model: BABBLE_MODEL,
    prompt: `Stream ${stream} `.repeat(20),
    max_tokens: 400,
    temperature: 0,
    ignore_eos: true,
    stream: true,
  });
  const ask = async (stream: number) => collect(await post(`${cluster.url}/v1/completions`, body(stream)));
  const expected = await Promise.all(Array.from({ length: STREAMS }, async (_, i) => textOf(await ask(i))));

  let restarting = true;
  let answers = 0;
  const clients = expected.map(async (text, stream) => {
    while (restarting) {
      const payloads = await ask(stream);
      expect(payloads.at(-1)).toBe("[DONE]");
      expect(textOf(payloads)).toBe(text);
      answers += 1;
    }
  });
  const failed = Promise.all(clients).then(() => {}); // The first failure ends the test at once.
  const restarts = (async () => {
    for (const name of cluster.workers) {
      const before = answers;
      expect(await cluster.end(name, "SIGTERM")).toBe(0);
      await cluster.restart(name);
      const health = `http://${cluster.process(name).addresses.metrics}/health`;
      await eventually(`${name} is healthy`, async () => (await fetch(health)).status === 200);
      // The restarted worker has its part in the load again before the next one leaves.
      const served = eventually("streams end well", async () => answers >= before + STREAMS);
      await Promise.race([served, failed]);
    }
    restarting = false;
  })();
  try {
    await Promise.all([restarts, failed]);
  } finally {
    restarting = false;
    await Promise.allSettled([restarts, ...clients]); // No worker is started once the cluster has ended.
  }
  expect(answers).toBeGreaterThanOrEqual(4 * STREAMS);
  await cluster.atRest();
}, 120_000);

test("a router that is told to stop takes requests for as long as a load balancer may need to notice", async () => {
  await using cluster = await Cluster.start({ routerArgs: ["--drain-delay-ms", "3000"] });
  const status = async () => (await fetch(`${cluster.url}/readiness`)).status;
  expect(await status()).toBe(200);
  const ended = cluster.end("router", "SIGTERM");
  await eventually("readiness says so", async () => (await status()) === 503);
  const body = { model: BABBLE_MODEL, prompt: "Once", max_tokens: 4, temperature: 0, stream: true };
  const payloads = await collect(await post(`${cluster.url}/v1/completions`, body));
  expect(payloads.at(-1)).toBe("[DONE]");
  expect(await ended).toBe(0);
}, 60_000);
