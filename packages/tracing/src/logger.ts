/** Structured logs on stdout: one JSON object a line. To the collector as well, where that is asked for. */
import type { Logger } from "@baton/core";
import { type DestinationStream, pino, stdSerializers, stdTimeFunctions } from "pino";
import { exportLogLine } from "./log-export.ts";

export type LogLevel = "debug" | "info" | "warn" | "error" | "silent";

/** Where lines go besides. */
export type LogsExporter = "none" | "otlp";

export interface LoggerOptions {
  /** The service, in every line. */
  readonly name: string;
  readonly level: LogLevel;
  /** `otlp` sends lines to the collector as well, once `startTracing` with the same value has started; none unless given. */
  readonly exporter?: LogsExporter;
  /** Where lines go; stdout. */
  readonly destination?: DestinationStream;
}

/** Fields that never reach a log, at the top of an entry or one level down. */
const SECRETS = ["authorization", "apiKey", "apiKeys", "secret", "password", "prompt", "messages"];

/** Makes a logger. Errors belong in the field `error` or `err`, where they are written with code, stack and cause. */
export function createLogger({ name, level, exporter, destination }: LoggerOptions): Logger {
  const options = {
    name,
    level,
    base: { name, pid: process.pid },
    timestamp: stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    serializers: { error: stdSerializers.errWithCause, err: stdSerializers.errWithCause },
    redact: SECRETS.flatMap((key) => [key, `*.${key}`]),
    ...(exporter === "otlp" && { hooks: { streamWrite: alsoExported } }),
  };
  return destination ? pino(options, destination) : pino(options);
}

function alsoExported(line: string): string {
  exportLogLine(line);
  return line;
}
