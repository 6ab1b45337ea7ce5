/**
 * Work that is started and not awaited loses its request's context unless it has it in hand. The linter lets no promise
 * float unless it is marked with `void`; here each of those marks in the code of requests is named with the reason why
 * its context is not lost. (Calls to workers outside of a request are counted at run time besides: see
 * `lostContexts`, which the tests of real processes hold at none.)
 */
import { readFileSync } from "node:fs";
import { glob } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { expect, test } from "@jest/globals";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const REQUEST_CODE = ["services/*/src/**/*.ts", "packages/{rpc,worker}/src/**/*.ts"];

/** What may run on, by file and statement. */
const KNOWN: Readonly<Record<string, string>> = {
  "packages/worker/src/worker-drain.ts: void this.#parts.server.idle()":
    "waits for the worker's end, for no request",
  "services/router/src/canary/canaries.ts: void this.#try(probed)":
    "a canary is in no request and in no trace",
  "services/decode-worker/src/decode-service.ts: void leg.run()": "the leg was made with its stage",
};

test("every task that is started in the background has its request's context in hand", async () => {
  const found: string[] = [];
  for await (const file of glob(REQUEST_CODE, { cwd: ROOT })) {
    if (/\.test\.ts$|\/testing\/|\/generated\//.test(file)) continue;
    const source = readFileSync(`${ROOT}/${file}`, "utf8");
    for (const [, statement] of source.matchAll(/^\s*(void [\w.#]+\([^)]*\))/gm)) {
      found.push(`${file}: ${statement}`);
    }
  }
  expect(found.sort()).toEqual(Object.keys(KNOWN).sort());
});
