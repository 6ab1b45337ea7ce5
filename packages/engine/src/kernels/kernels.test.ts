import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "@jest/globals";

test("the committed bytes are those of the sources (else run `node --run kernels`)", () => {
  const folder = mkdtempSync(join(tmpdir(), "baton-kernels-"));
  try {
    execFileSync(process.execPath, [
      fileURLToPath(new URL("../../generate-kernels.mjs", import.meta.url)),
      folder,
    ]);
    expect(contentOf(fileURLToPath(new URL("../generated", import.meta.url)))).toEqual(contentOf(folder));
  } finally {
    rmSync(folder, { recursive: true });
  }
});

function contentOf(folder: string): Record<string, string> {
  return Object.fromEntries(
    readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), "utf8")]),
  );
}
