import { prepareModel, resolveModelFolder } from "@baton/model";
import type { UpConfig } from "./up-settings.ts";

const MIB = 2 ** 20;
const REPORT_EVERY_MS = 2000;

/**
 * Compiles the model into the cache before any service needs it, so that it happens once and is seen.
 * @throws BatonError when the model's folder cannot be used.
 */
export async function prepareForServing(
  config: Pick<UpConfig, "model" | "weights" | "cacheFolder">,
  print: (line: string) => void,
): Promise<void> {
  const { model, weights, cacheFolder } = config;
  print(`Preparing model "${model}"`);
  const folder = await resolveModelFolder(model, cacheFolder);
  let reportedAt = performance.now();
  await prepareModel(folder, {
    cacheFolder,
    weights,
    onProgress: ({ step, bytes }) => {
      if (performance.now() - reportedAt < REPORT_EVERY_MS) return;
      reportedAt = performance.now();
      print(`  ${step === "hash" ? "read" : "compiled"} ${Math.round(bytes / MIB)} MiB`);
    },
  });
}
