import { prepareModel, readModelFiles, resolveModel } from "@baton/model";
import type { UpConfig } from "./up-settings.ts";

const MIB = 2 ** 20;
const REPORT_EVERY_MS = 2000;
const BAR_WIDTH = 30;

/** What preparing needs to know. */
type PrepareConfig = Pick<
  UpConfig,
  "model" | "weights" | "cacheFolder" | "hubUrl" | "hubToken" | "hubCache" | "hubOffline"
>;

/**
 * Downloads and compiles the model before any service needs it, so that it happens once and is seen, and refuses what
 * the router would refuse. Resolves with the name under which requests ask for it.
 * @throws BatonError when the model cannot be had or used.
 */
export async function prepareForServing(
  config: PrepareConfig,
  print: (line: string) => void,
): Promise<string> {
  const { model, weights, cacheFolder } = config;
  print(`Preparing model "${model}"`);
  const report = sometimes(print);
  const { folder, name } = await resolveModel(config, ({ bytes, totalBytes }) =>
    report(() => `  ${progressBar(bytes / totalBytes)} of ${mebibytes(totalBytes)} downloaded`),
  );
  await readModelFiles(folder, name);
  await prepareModel(folder, {
    cacheFolder,
    name,
    weights,
    onProgress: ({ step, bytes }) =>
      report(() => `  ${step === "hash" ? "read" : "compiled"} ${mebibytes(bytes)}`),
  });
  return name;
}

/** `[=======>      ]  50 %` */
function progressBar(share: number): string {
  const done = Math.round(Math.min(1, share) * BAR_WIDTH);
  const bar = `${"=".repeat(done)}${done < BAR_WIDTH ? ">" : ""}`.padEnd(BAR_WIDTH);
  return `[${bar}] ${`${Math.floor(share * 100)}`.padStart(3)} %`;
}

function mebibytes(bytes: number): string {
  return `${Math.round(bytes / MIB)} MiB`;
}

/** Prints a line only if the last is a while ago. */
function sometimes(print: (line: string) => void): (line: () => string) => void {
  let printedAt = performance.now();
  return (line) => {
    if (performance.now() - printedAt < REPORT_EVERY_MS) return;
    printedAt = performance.now();
    print(line());
  };
}
