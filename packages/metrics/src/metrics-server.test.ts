import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { createMetrics } from "./metrics.ts";
import { createMetricsServer, type MetricsServer } from "./metrics-server.ts";
import { parseExposition } from "./parse-exposition.ts";

let server: MetricsServer;
let url: string;
let healthy = true;

beforeEach(async () => {
  const metrics = createMetrics("decode");
  server = createMetricsServer({
    metrics,
    health: () => ({ healthy, status: healthy ? "serving" : "draining" }),
  });
  const { port } = await server.listen("127.0.0.1", 0);
  url = `http://127.0.0.1:${port}`;
});

afterEach(() => server.close());

test("metrics are served as OpenMetrics", async () => {
  const response = await fetch(`${url}/metrics?format=any`);
  expect(response.status).toBe(200);
  expect(response.headers.get("content-type")).toContain("application/openmetrics-text");
  expect(parseExposition(await response.text()).types.get("baton_sequences")).toBe("gauge");
});

test("health follows the state of the process", async () => {
  const good = await fetch(`${url}/health`);
  expect([good.status, await good.json()]).toEqual([200, { status: "serving" }]);
  healthy = false;
  const bad = await fetch(`${url}/health`);
  expect([bad.status, await bad.json()]).toEqual([503, { status: "draining" }]);
  expect((await fetch(`${url}/liveness`)).status).toBe(200);
});

test("anything else is refused", async () => {
  expect((await fetch(`${url}/`)).status).toBe(404);
  expect((await fetch(`${url}/metrics`, { method: "POST", body: "x" })).status).toBe(405);
  expect((await fetch(`${url}/metrics`, { method: "HEAD" })).status).toBe(200);
});

test("an address in use is an error that says so", async () => {
  const other = createMetricsServer({
    metrics: createMetrics("decode"),
    health: () => ({ healthy, status: "" }),
  });
  await expect(other.listen("127.0.0.1", Number(new URL(url).port))).rejects.toMatchObject({
    code: "unavailable",
    message: expect.stringContaining("EADDRINUSE"),
  });
  await other.close();
});
