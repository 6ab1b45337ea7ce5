import { execFileSync } from "node:child_process";
import { globSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "@jest/globals";

const committed = fileURLToPath(new URL("./generated", import.meta.url));
const generator = fileURLToPath(new URL("../generate-types.mjs", import.meta.url));

function read(folder: string): Record<string, string> {
  const files = globSync("**/*.ts", { cwd: folder }).sort();
  return Object.fromEntries(files.map((file) => [file, readFileSync(join(folder, file), "utf8")]));
}

test("the committed types are those of the proto files (else run `npm run proto`)", () => {
  const folder = mkdtempSync(join(tmpdir(), "baton-types-"));
  try {
    execFileSync(process.execPath, [generator, folder]);
    expect(read(folder)).toEqual(read(committed));
  } finally {
    rmSync(folder, { recursive: true });
  }
});
