/**
 * Writes src/vocabulary-kernel.wat as bytes into src/generated/vocabulary-kernel.ts, or into the file given as argument.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import loadWabt from "wabt";

const source = readFileSync(join(import.meta.dirname, "src/vocabulary-kernel.wat"), "utf8");
const target = process.argv[2] ?? join(import.meta.dirname, "src/generated/vocabulary-kernel.ts");

const wabt = await loadWabt();
const { buffer } = wabt.parseWat("vocabulary-kernel.wat", source).toBinary({});
writeFileSync(
  target,
  `// Written by generate-kernel.mjs.
/** The module that vocabulary-kernel.wat describes, in base64. */
export const VOCABULARY_KERNEL =
  "${Buffer.from(buffer).toString("base64")}";
`,
);
