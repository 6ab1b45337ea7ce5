/** `npm start`, as a newcomer sees it: what it prints, the request that it offers to paste, and Ctrl-C. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { expect, test } from "@jest/globals";
import { TEST_CACHE } from "../support/cluster.ts";

const MAIN = fileURLToPath(new URL("../../packages/cli/src/main.ts", import.meta.url));

test("says that it is ready once a token came, offers a request that is answered, and ends at Ctrl-C", async () => {
  const { PATH = "", HOME = "" } = process.env;
  const baton = spawn(process.execPath, [MAIN, "up", "--port", "0"], {
    env: { PATH, HOME, BATON_CACHE: TEST_CACHE },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = once(baton, "exit");
  try {
    const lines = createInterface({ input: baton.stdout })[Symbol.asyncIterator]();
    const url = await firstMatch(lines, /^baton is ready on (\S+)$/);
    // The token that it waited for is no request of anybody's.
    expect(await metricsOf(url)).not.toContain("baton_requests_total{");
    const body = await firstMatch(lines, /^curl .* -d '(.*)'$/);
    const response = await fetch(`${url}/v1/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body,
    });
    expect(response.status).toBe(200);
    expect(await metricsOf(url)).toContain("baton_requests_total{");
    baton.kill("SIGINT");
    expect(await ended).toEqual([0, null]);
    await expect(fetch(url)).rejects.toThrow();
  } finally {
    baton.kill(); // It stops what it started.
    await ended;
  }
}, 120_000);

async function metricsOf(url: string): Promise<string> {
  return (await fetch(`${url}/metrics`)).text();
}

async function firstMatch(lines: AsyncIterator<string>, pattern: RegExp): Promise<string> {
  for (;;) {
    const { value, done } = await lines.next();
    if (done) throw new Error(`"baton up" ended before it printed a line like ${pattern}`);
    const found = pattern.exec(value)?.[1];
    if (found !== undefined) return found;
  }
}
