/** The document of the API: valid, complete, and true of the answers that are really given. */
import { execFileSync } from "node:child_process";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import {
  chatCompletion,
  errorAnswer,
  generatedAnswer,
  textCompletion,
  workerList,
} from "./http/openapi/answers.ts";
import { OPERATIONS } from "./http/openapi/operations.ts";
import { jsonOf, TestCluster } from "./testing/test-cluster.ts";

let cluster: TestCluster;
// biome-ignore lint/suspicious/noExplicitAny: tests reach into JSON of many shapes
let document: any;

beforeAll(async () => {
  cluster = await TestCluster.start();
  document = await jsonOf(await fetch(`${cluster.url}/openapi.json`));
});
afterAll(() => cluster[Symbol.asyncDispose]());

const pathOf = (route: string) => route.replace(/:(\w+)/g, "{$1}").replace("*", "{name}");

/** In a process of its own: the library is an ES module with imports that jest does not know. */
const VALIDATE = `
  import { Validator } from "@seriousme/openapi-schema-validator";
  const chunks = [];
  for await (const chunk of process.stdin) chunks.push(chunk);
  console.log(JSON.stringify(await new Validator().validate(JSON.parse(Buffer.concat(chunks).toString()))));
`;

describe("GET /openapi.json", () => {
  test("is valid by OpenAPI's own schema", () => {
    const argv = ["--input-type=module", "-e", VALIDATE];
    const verdict = execFileSync(process.execPath, argv, { cwd: __dirname, input: JSON.stringify(document) });
    expect(JSON.parse(String(verdict))).toEqual({ valid: true });
  });

  test("has every route that the server has, and no other", () => {
    const documented = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods as object).map((method) => `${method.toUpperCase()} ${path}`),
    );
    expect(documented.toSorted()).toEqual(Object.keys(OPERATIONS).map(pathOf).toSorted());
  });

  test("names each operation once, with its answer and its errors", () => {
    const operations = Object.values(document.paths).flatMap((methods) => Object.values(methods as object));
    expect(new Set(operations.map(({ operationId }) => operationId)).size).toBe(operations.length);
    for (const { responses, summary } of operations) {
      expect(summary).not.toBe("");
      expect(responses["200"].content).toBeDefined();
      expect(responses.default.content["application/json"].schema.$ref).toBe("#/components/schemas/Error");
    }
  });

  test("knows the fields that validate", () => {
    const body = (path: string) => document.paths[path].post.requestBody.content["application/json"].schema;
    expect(body("/v1/chat/completions").properties.temperature.anyOf[0]).toMatchObject({
      minimum: 0,
      maximum: 2,
    });
    expect(body("/v1/chat/completions").required).toEqual(["model", "messages"]);
    expect(body("/v1/completions").properties.prompt.anyOf).toHaveLength(4);
  });

  test("describes the answers that are given", async () => {
    const prompt = { model: cluster.model, prompt: "Hi" };
    chatCompletion.parse(await jsonOf(await cluster.chat()));
    textCompletion.parse(await jsonOf(await cluster.post("/v1/completions", prompt)));
    generatedAnswer.parse(await jsonOf(await cluster.post("/generate", { text: ["a", "b"] })));
    workerList.parse(await jsonOf(await fetch(`${cluster.url}/workers`)));
    errorAnswer.strict().parse(await jsonOf(await cluster.chat({ n: 0 })));
  });
});
