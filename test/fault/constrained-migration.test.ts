/** Must hold: an answer that loses its worker goes on elsewhere in the form that was asked for. */
import { expect, test } from "@jest/globals";
import { Cluster } from "../support/cluster.ts";
import { eventually } from "../support/eventually.ts";

const schema = {
  type: "array",
  items: { type: "integer", minimum: 0, maximum: 999 },
  minItems: 150,
  maxItems: 150,
};

function ask(cluster: Cluster) {
  return cluster.openai.chat.completions.stream({
    model: "babble",
    messages: [{ role: "user", content: "Count." }],
    seed: 11,
    temperature: 1,
    max_tokens: 2000,
    response_format: { type: "json_schema", json_schema: { name: "numbers", schema } },
  });
}

test("a decode worker killed in the middle of a JSON answer changes nothing of the answer", async () => {
  await using cluster = await Cluster.start({ decode: 2 });
  const undisturbed = await ask(cluster).finalContent();
  const stream = ask(cluster);
  let pieces = 0;
  const begun = Promise.withResolvers<void>();
  stream.on("content", () => {
    if (++pieces === 20) begun.resolve();
  });
  const finished = stream.finalContent();
  await begun.promise;
  const serving = await eventually("a decode worker runs it", async () => {
    for (const name of ["decode-0", "decode-1"]) {
      if ((await cluster.status(name)).sequences.running > 0) return name;
    }
    return undefined;
  });
  await cluster.end(serving, "SIGKILL");
  expect(await finished).toBe(undisturbed);
  expect(JSON.parse(undisturbed ?? "")).toHaveLength(150);
}, 120_000);
