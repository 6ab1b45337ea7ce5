/** The model folder of `baton model synth`, made once into the cache of the benches. */
import { existsSync } from "node:fs";
import { rename, rm } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { SYNTH_SHAPES, writeSynthCheckpoint } from "@baton/model";

/** Compiled models and checkpoints of the benches. */
export const BENCH_CACHE = fileURLToPath(new URL("../../.cache/bench", import.meta.url));

/** The folder of a model with random weights; written when it is missing. */
export async function synthModelFolder(shape: keyof typeof SYNTH_SHAPES): Promise<string> {
  const folder = `${BENCH_CACHE}/synth/${shape}`;
  if (existsSync(folder)) return folder;
  const unfinished = `${folder}.unfinished`;
  await rm(unfinished, { recursive: true, force: true });
  await writeSynthCheckpoint(unfinished, { config: SYNTH_SHAPES[shape], seed: 1 });
  await rename(unfinished, folder);
  return folder;
}
