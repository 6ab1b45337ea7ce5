/** Must hold: what images are made of is whole. Built JavaScript alone, under plain Node, answers a request. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { Cluster } from "../support/cluster.ts";

const BUILD = fileURLToPath(new URL("../../deploy/build/main.ts", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "baton-production-"));

beforeAll(() => {
  execFileSync(process.execPath, [BUILD, folder], { stdio: "pipe" });
}, 180_000);

afterAll(() => rmSync(folder, { recursive: true }));

function filesIn(service: string): readonly string[] {
  const files = execFileSync("find", [join(folder, service), "-type", "f"], { encoding: "utf8" });
  return files.trim().split("\n");
}

test("the built services start under plain Node and answer a request", async () => {
  await using cluster = await Cluster.start({
    model: "demo",
    program: (service) => join(folder, service, "services", service, "src/main.js"),
  });
  const answer = await cluster.openai.completions.create({
    model: "baton-demo",
    prompt: "Baton is a system",
    max_tokens: 4,
  });
  expect(answer.usage).toMatchObject({ completion_tokens: 4 });
  await cluster.atRest();
}, 60_000);

test("a build holds no sources, tests, or programs for other machines, and only what its service needs", () => {
  for (const service of ["router", "prefill-worker", "decode-worker"]) {
    const files = filesIn(service);
    expect(
      files.filter((file) => /\.(ts|map)$|\.test\./.test(file) && !file.includes("/node_modules/")),
    ).toEqual([]);
    expect(files.filter((file) => /\.(dll|dylib)$/.test(file))).toEqual([]);
  }
  expect(readdirSync(join(folder, "router/services"))).toEqual(["router"]);
  expect(filesIn("router").filter((file) => file.includes("onnxruntime"))).toEqual([]);
  expect(filesIn("decode-worker").filter((file) => file.includes("/fastify/"))).toEqual([]);
});
