/**
 * Every parameter that the official client knows is either accepted and changes what is done, or refused by name. The
 * names are read from the client's own types, so that a new version of it asks what is to become of new parameters.
 */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { ensureBabbleToolsCheckpoint } from "@baton/model/testing";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { jsonOf, TestCluster, tokensOf } from "./testing/test-cluster.ts";

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await TestCluster.start({
    ensureModel: ensureBabbleToolsCheckpoint,
    script: { generate: (call) => tokensOf("Hello there", call) },
  });
});
afterAll(() => cluster[Symbol.asyncDispose]());

const RESOURCES = join(dirname(createRequire(__filename).resolve("openai")), "resources");

/** The members of an interface in the client's types. */
function parametersOf(file: string, name: string): string[] {
  const source = readFileSync(join(RESOURCES, file), "utf8");
  const body = source.split(`export interface ${name} {`)[1]!.split(/^\}/m)[0]!;
  return [...body.matchAll(/^ {4}(\w+)\??:/gm)].map(([, member]) => member!);
}

interface Endpoint {
  readonly path: string;
  readonly parameters: readonly string[];
  /** A request without the parameters in question. */
  readonly base: object;
  /** A value of each accepted parameter that changes something, and what else it needs. */
  readonly accepted: Readonly<Record<string, object>>;
}

const shared = {
  frequency_penalty: { frequency_penalty: 0.5 },
  logit_bias: { logit_bias: { "65": 3 } },
  max_tokens: { max_tokens: 7 },
  n: { n: 2 },
  presence_penalty: { presence_penalty: 0.5 },
  seed: { seed: 9 },
  stop: { stop: ["there"] },
  stream: { stream: true },
  stream_options: { stream: true, stream_options: { include_usage: true } },
  temperature: { temperature: 0.25 },
  top_p: { top_p: 0.25 },
  user: { user: "somebody" },
};

const tools = [{ type: "function", function: { name: "look", parameters: { type: "object" } } }];

const ENDPOINTS: readonly Endpoint[] = [
  {
    path: "/v1/chat/completions",
    parameters: parametersOf("chat/completions/completions.d.ts", "ChatCompletionCreateParamsBase"),
    base: { messages: [{ role: "user", content: "Hi" }], seed: 1 },
    accepted: {
      ...shared,
      messages: { messages: [{ role: "user", content: "Bye" }] },
      logprobs: { logprobs: true },
      max_completion_tokens: { max_completion_tokens: 7 },
      metadata: { metadata: { trace: "1" } },
      top_logprobs: { logprobs: true, top_logprobs: 3 },
      response_format: { response_format: { type: "json_object" } },
      tools: { tools },
      tool_choice: { tools, tool_choice: "required" },
      parallel_tool_calls: { tools, parallel_tool_calls: false },
    },
  },
  {
    path: "/v1/completions",
    parameters: parametersOf("completions.d.ts", "CompletionCreateParamsBase"),
    base: { prompt: "Hi", seed: 1 },
    accepted: {
      ...shared,
      prompt: { prompt: "Bye" },
      echo: { echo: true },
      logprobs: { logprobs: 2 },
    },
  },
];

/** Values that ask for something, whatever the parameter. */
const ASKING: readonly unknown[] = ["some", 7, [{ a: 1 }], { type: "some" }];

describe.each(ENDPOINTS)("POST $path", ({ path, parameters, base, accepted }) => {
  const send = (fields: object) => cluster.post(path, { model: cluster.model, ...base, ...fields });

  /** All that can be seen of what a request does: what the workers are asked, the trace, the answer. */
  async function effectOf(fields: object): Promise<unknown> {
    const worker = cluster.worker("decode-0");
    const [calls, roots] = [worker.generations.length, cluster.tracer.roots.length];
    const answer = await send(fields);
    expect(answer.status).toBe(200);
    const text = (await answer.text()).replaceAll(/"(id|created|system_fingerprint)":("[^"]*"|\d+)/g, "");
    const { attributes } = cluster.tracer.roots[roots]!;
    return {
      text,
      level: cluster.tracer.levels[roots],
      user: attributes["user.id"],
      asked: worker.generations.slice(calls).map(({ request: { promptTokenIds, sampling } }) => ({
        promptTokenIds,
        sampling,
      })),
    };
  }

  test("has the parameters that the client's types have", () => {
    expect(parameters.length).toBeGreaterThan(15);
    expect(Object.keys(accepted).filter((name) => !parameters.includes(name))).toEqual([]);
  });

  test("does the same twice, so that a difference is an effect", async () => {
    expect(await effectOf({})).toEqual(await effectOf({}));
  });

  test.each(parameters.filter((name) => name in accepted))('"%s" changes what is done', async (name) => {
    const without = { ...accepted[name], [name]: undefined };
    const plain = name in base ? {} : without;
    // A parameter that needs another is compared with that other alone.
    expect(await effectOf(accepted[name]!)).not.toEqual(await effectOf(plain));
  });

  const refused = parameters.filter((name) => !(name in accepted) && name !== "model");
  test.each(refused)('"%s" is refused by name', async (name) => {
    for (const value of ASKING) {
      const answer = await send({ [name]: value });
      const { error } = await jsonOf(answer);
      expect([answer.status, error.param]).toEqual([400, name]);
      expect(error.message).toMatch(new RegExp(`"${name}".*not supported`));
    }
  });

  test("the model that is asked for must be the one that is served", async () => {
    const answer = await send({ model: "gpt-9" });
    expect([answer.status, (await jsonOf(answer)).error.param]).toEqual([404, "model"]);
  });
});
