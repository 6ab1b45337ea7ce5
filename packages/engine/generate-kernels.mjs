/** Writes each src/kernels/*.wat as bytes into a module of src/generated, or of the folder given as argument. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import loadWabt from "wabt";

const sources = join(import.meta.dirname, "src/kernels");
const target = process.argv[2] ?? join(import.meta.dirname, "src/generated");

const wabt = await loadWabt();
mkdirSync(target, { recursive: true });
for (const file of readdirSync(sources).filter((name) => name.endsWith(".wat"))) {
  const name = basename(file, ".wat");
  const { buffer } = wabt.parseWat(file, readFileSync(join(sources, file), "utf8")).toBinary({});
  writeFileSync(
    join(target, `${name}.ts`),
    `// Written by generate-kernels.mjs.
/** The module that ${file} describes, in base64. */
export const ${name.toUpperCase().replaceAll("-", "_")} =
  "${Buffer.from(buffer).toString("base64")}";
`,
  );
}
