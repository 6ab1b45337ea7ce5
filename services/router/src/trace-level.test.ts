/** Who decides how much of a request is recorded, and what its root says. */
import { ATTR } from "@baton/tracing";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { jsonOf, TestCluster } from "./testing/test-cluster.ts";

let cluster: TestCluster;

beforeAll(async () => {
  cluster = await TestCluster.start();
});
afterAll(() => cluster[Symbol.asyncDispose]());

const put = (body: unknown) => cluster.post("/trace/level", body, { method: "PUT" });
const lastLevel = () => cluster.tracer.levels.at(-1);
const withHeader = (level: string) => ({ headers: { "x-baton-trace-level": level } });

describe("the level of the cluster", () => {
  test("is told, changed at run time, and holds for requests from then on", async () => {
    expect(await jsonOf(await fetch(`${cluster.url}/trace/level`))).toMatchObject({ level: 3 });
    expect(await jsonOf(await put({ level: 1 }))).toEqual({ level: 1, meaning: expect.any(String) });
    await cluster.chat();
    expect(lastLevel()).toBe(1);
    await put({ level: 3 });
    await cluster.chat();
    expect(lastLevel()).toBe(3);
  });

  test.each([{}, { level: 4 }, { level: "2" }, []])("is not %j", async (body) => {
    const response = await put(body);
    expect(response.status).toBe(400);
    expect(cluster.tracer.level).toBe(3);
  });

  test("is put, not posted", async () => {
    const response = await cluster.post("/trace/level", { level: 1 });
    expect([response.status, response.headers.get("allow")]).toEqual([405, "GET, PUT"]);
  });
});

describe("the level of one request", () => {
  test.each(["0", "1", "2", "3"])("is %s by its header", async (level) => {
    expect((await cluster.chat({}, withHeader(level))).status).toBe(200);
    expect(lastLevel()).toBe(Number(level));
  });

  test.each([
    [{ level: 2 }, 2],
    ["1", 1],
    ["true", 3],
    ["false", 0],
  ])("by metadata.trace %j is %i", async (trace, level) => {
    expect((await cluster.chat({ metadata: { trace } })).status).toBe(200);
    expect(lastLevel()).toBe(level);
  });

  test("is the header's where both say one", async () => {
    await cluster.chat({ metadata: { trace: "1" } }, withHeader("2"));
    expect(lastLevel()).toBe(2);
  });

  test("is refused where it is none", async () => {
    const byHeader = await cluster.chat({}, withHeader("4"));
    expect([byHeader.status, (await jsonOf(byHeader)).error.param]).toEqual([400, "x-baton-trace-level"]);
    const byBody = await cluster.chat({ metadata: { trace: { level: 7 } } });
    expect(byBody.status).toBe(400);
    expect((await jsonOf(byBody)).error.param).toContain("metadata.trace");
  });

  test("is the cluster's where clients may not choose", async () => {
    await using strict = await TestCluster.start({ args: ["--trace-overrides", "ignore"] });
    await strict.chat({ metadata: { trace: "1" } }, withHeader("0"));
    expect(strict.tracer.levels).toEqual([3]);
  });
});

describe("the root", () => {
  test("has the names of usage, request, response and latency, and those of HTTP", async () => {
    await cluster.chat({ temperature: 0.5, top_p: 0.9, max_tokens: 20 });
    const attributes = cluster.tracer.roots.at(-1)!.attributes;
    for (const key of [
      ...[ATTR.promptTokens, ATTR.completionTokens, ATTR.cachedTokens],
      ...[ATTR.maxTokens, ATTR.temperature, ATTR.topP, ATTR.requestId],
      ...[ATTR.responseModel, ATTR.finishReasons],
      ...[ATTR.timeInQueue, ATTR.timeToFirstToken, ATTR.timeEndToEnd, ATTR.timeInPrefill, ATTR.timeInDecode],
      ...[ATTR.operationName, ATTR.providerName, ATTR.httpMethod, ATTR.httpRoute, ATTR.httpStatus],
      ...[ATTR.urlPath, ATTR.serverPort, ATTR.clientAddress],
    ]) {
      expect([key, attributes[key]]).toEqual([key, expect.anything()]);
    }
  });

  test("has neither prompt nor answer unless that is switched on", async () => {
    const contents = [ATTR.inputMessages, ATTR.outputMessages];
    await cluster.chat();
    expect(contents.map((key) => cluster.tracer.roots.at(-1)!.attributes[key])).toEqual([
      undefined,
      undefined,
    ]);
    await using open = await TestCluster.start({ args: ["--trace-content"] });
    await open.chat();
    expect(contents.map((key) => open.tracer.roots[0]!.attributes[key])).toEqual([
      '[{"role":"user","parts":[{"type":"text","content":"Hi"}]}]',
      '[{"role":"assistant","parts":[{"type":"text","content":"Hello there"}]}]',
    ]);
  });
});
