/** Takes out of an installation what no program reads: half of its files, and ONNX Runtime for other machines. */
import { type Dirent, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";

/** For compilers, debuggers and people. */
const NOT_RUN = /\.(d\.[cm]?ts|map|md|markdown|flow)$/;
/** Holds native files: one folder per platform, in each one per processor. */
const ONE_PER_PLATFORM = /\/onnxruntime-node\/bin\/napi-v\d+$/;

/** Removes it from a `node_modules` folder, in place. Links are left alone: what they lead to is in there, too. */
export function prune(folder: string): void {
  if (ONE_PER_PLATFORM.test(folder)) {
    keepOnly(process.platform, folder);
    keepOnly(process.arch, join(folder, process.platform));
  }
  for (const entry of entriesOf(folder)) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) prune(path);
    else if (NOT_RUN.test(entry.name)) rmSync(path);
  }
}

function keepOnly(kept: string, folder: string): void {
  for (const { name } of entriesOf(folder)) {
    if (name !== kept) rmSync(join(folder, name), { recursive: true });
  }
}

function entriesOf(folder: string): readonly Dirent[] {
  return readdirSync(folder, { withFileTypes: true });
}
