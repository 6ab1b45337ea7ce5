/** Requests of the router itself: the deep health check, and canaries that find broken workers before clients do. */
import { describe, expect, test } from "@jest/globals";
import { Cluster } from "../support/cluster.ts";
import { eventually } from "../support/eventually.ts";
import { scrape, total } from "../support/scrape.ts";

// biome-ignore lint/suspicious/noExplicitAny: tests reach into JSON of many shapes
type Json = any;

async function get(cluster: Cluster, path: string): Promise<{ status: number; body: Json }> {
  const answer = await fetch(`${cluster.url}${path}`);
  return { status: answer.status, body: await answer.json() };
}

describe("GET /health_generate", () => {
  test.each(["disaggregated", "aggregated"] as const)(
    "gets a token from real workers and leaves nothing in traces, metrics and caches (%s)",
    async (mode) => {
      await using cluster = await Cluster.start({ mode });
      expect(await get(cluster, "/health_generate")).toEqual({ status: 200, body: { status: "healthy" } });
      await cluster.atRest();
      expect((await get(cluster, "/traces")).body.data).toEqual([]);
      for (const name of ["router", ...cluster.workers]) {
        expect(total(await scrape(cluster, name), "baton_requests_total")).toBe(0);
      }
      for (const name of cluster.workers) expect((await cluster.status(name)).blocks.cached).toBe(0);
    },
  );

  test("says why there is no token", async () => {
    await using cluster = await Cluster.start();
    await cluster.end("decode-0");
    const { status, body } = await get(cluster, "/health_generate");
    expect([status, body.status]).toEqual([503, "unhealthy"]);
    expect(body.reason).toContain("decode");
  });
});

test("canaries try idle workers through the whole hand-over, and no client's figures know of them", async () => {
  await using cluster = await Cluster.start({ routerArgs: ["--canary-interval-ms", "50"] });
  for (const name of cluster.workers) {
    await eventually(`the engine of ${name} has worked`, async () => {
      return total(await scrape(cluster, name), "baton_engine_step_seconds_count") > 2;
    });
  }
  expect(total(await scrape(cluster, "router"), "baton_requests_total")).toBe(0);
  expect(total(await scrape(cluster, "decode-0"), "baton_requests_total")).toBe(0);
  expect((await get(cluster, "/traces")).body.data).toEqual([]);
});
