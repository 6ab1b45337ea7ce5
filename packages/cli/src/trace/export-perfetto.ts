/** `baton trace perfetto`: exported traces as a file that Perfetto opens. */
import { writeFile } from "node:fs/promises";
import { configOrExit, defineSettings, setting } from "@baton/config";
import { BatonError } from "@baton/core";
import { EXIT_CODE } from "@baton/lifecycle";
import { print } from "../command.ts";
import { toPerfetto } from "./perfetto.ts";
import { readTraceFiles } from "./read-traces.ts";

export const perfettoSettings = defineSettings(
  "baton trace perfetto",
  {
    output: setting.text({
      flag: "output",
      short: "o",
      default: "trace.perfetto.json",
      doc: "File to write; open it at https://ui.perfetto.dev",
    }),
  },
  {
    name: "FILE",
    doc: "OTLP JSON: an answer of GET /traces/{id}, or lines as the collector's file exporter writes them",
    min: 1,
    max: Number.POSITIVE_INFINITY,
  },
);

export async function exportPerfetto(argv: readonly string[]): Promise<number> {
  const { output, operands } = configOrExit(perfettoSettings, argv);
  const spans = await readTraceFiles(operands);
  if (spans.length === 0)
    throw new BatonError(
      "invalid_argument",
      `Cannot convert ${operands.join(", ")}: expected spans, got none`,
    );
  try {
    await writeFile(output, JSON.stringify(toPerfetto(spans)));
  } catch (cause) {
    throw new BatonError("invalid_argument", `Cannot write "${output}": ${(cause as Error).message}`, {
      cause,
    });
  }
  print(`${spans.length} spans written to ${output}; open it at https://ui.perfetto.dev`);
  return EXIT_CODE.ok;
}
