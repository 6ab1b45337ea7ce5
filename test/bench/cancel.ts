/** What the next request pays for prompts that nobody waits for any more. */
import { randomUUID } from "node:crypto";
import { Cluster } from "../support/cluster.ts";
import { post } from "../support/sse.ts";
import { type Bench, summarize } from "./bench.ts";

const LEAVING = 10;
const LONG_TOKENS = 8000;

export const bench: Bench = {
  question: `After ${LEAVING} clients left in the prefill of ${LONG_TOKENS} tokens each, how long does the next short request's first token take, against an idle cluster's?`,
  notMeasured:
    "a network, several workers of a role, models whose single step is much longer than the demo's",

  async run(report, [rounds = "20"]) {
    await using cluster = await Cluster.start();
    const { id: model } = (await cluster.openai.models.list()).data[0]!;
    const ask = (prompt: string) =>
      post(`${cluster.url}/v1/completions`, { model, prompt, max_tokens: 4, stream: true });
    const firstToken = async (): Promise<number> => {
      const startedAt = performance.now();
      const { events } = await ask(`Short ${randomUUID()}`);
      let time: number | undefined;
      for await (const _ of events) time ??= performance.now() - startedAt;
      return time!;
    };
    for (let i = 0; i < 20; i++) await firstToken();

    const idle: number[] = [];
    const after: number[] = [];
    for (let round = 0; round < Number(rounds); round++) {
      await cluster.atRest();
      idle.push(await firstToken());
      await cluster.atRest();
      const clients = Array.from({ length: LEAVING }, () => new AbortController());
      const left = clients.map(({ signal }) =>
        fetch(`${cluster.url}/v1/completions`, {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify({
            model,
            prompt: randomUUID().padEnd(LONG_TOKENS, "a longer story "),
            max_tokens: 4,
          }),
          signal,
        }).then(
          (response) => response.text(),
          () => "left",
        ),
      );
      // The first prompt may be done before the last has come.
      await cluster.until(
        "prefill-0",
        "has many prompts",
        ({ sequences }) => sequences.prefilling + sequences.waiting >= LEAVING / 2,
      );
      for (const client of clients) client.abort();
      after.push(await firstToken());
      await Promise.all(left);
    }
    const figures = { idle: summarize(idle), "after the cancels": summarize(after) };
    for (const [contender, figure] of Object.entries(figures)) {
      report({
        case: `${rounds} rounds`,
        contender,
        metric: "time to first token p50",
        unit: "ms",
        ...figure,
      });
    }
    const ratio = figures["after the cancels"].value / figures.idle.value;
    report({
      case: `${rounds} rounds`,
      contender: "after / idle",
      metric: "ratio of p50",
      unit: "x",
      value: ratio,
    });
  },
};
