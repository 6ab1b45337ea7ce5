/**
 * Reads exported traces from files: OTLP/JSON as `GET /traces/{id}` answers it (one object, in one line or many), or
 * with one object per line, as the collector's file exporter writes it.
 */
import { createReadStream } from "node:fs";
import { readFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { BatonError } from "@baton/core";
import { type ExportedSpan, type OtlpExport, spansFromOtlp } from "@baton/tracing";

/** All spans of the files. @throws BatonError `invalid_argument` naming the file and the line */
export async function readTraceFiles(files: readonly string[]): Promise<ExportedSpan[]> {
  const spans: ExportedSpan[] = [];
  // One by one and without spreading: a file may hold more spans than a call takes arguments.
  for (const file of files) for (const span of await readTraceFile(file)) spans.push(span);
  return spans;
}

async function readTraceFile(file: string): Promise<ExportedSpan[]> {
  try {
    return (await readLines(file)) ?? readWhole(await readFile(file, "utf8"), file);
  } catch (error) {
    if (!isSystemError(error)) throw error;
    throw new BatonError("invalid_argument", `Cannot read "${file}": ${error.message}`, { cause: error });
  }
}

/** Undefined where the first line is no object of its own. */
async function readLines(file: string): Promise<ExportedSpan[] | undefined> {
  const spans: ExportedSpan[] = [];
  const stream = createReadStream(file, "utf8");
  try {
    let number = 0;
    let first = true;
    for await (const line of createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY })) {
      number += 1;
      if (line.trim() === "") continue;
      if (first && !isJson(line)) return undefined;
      first = false;
      for (const span of readWhole(line, `${file}, line ${number}`)) spans.push(span);
    }
    return spans;
  } finally {
    stream.destroy();
  }
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function readWhole(text: string, where: string): ExportedSpan[] {
  try {
    const message = JSON.parse(text) as OtlpExport;
    if (Array.isArray(message.resourceSpans)) return spansFromOtlp(message);
  } catch (cause) {
    throw notOtlp(where, (cause as Error).message, cause);
  }
  throw notOtlp(where, 'it has no "resourceSpans"');
}

function notOtlp(where: string, problem: string, cause?: unknown): BatonError {
  return new BatonError(
    "invalid_argument",
    `Cannot read "${where}": ${problem}, expected traces as OTLP JSON`,
    {
      cause,
    },
  );
}

function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && "syscall" in error;
}
