/** Turns what services print (JSON lines of pino, and plain text) into short lines for people. */

/** How a line reached us. */
export interface LogLineOptions {
  /** Name of the service, the line's prefix. */
  readonly service: string;
  /** Plain text on stderr is always shown, on stdout only with everything. */
  readonly stream: "stdout" | "stderr";
  /** How much is worth showing. */
  readonly show: ShownLines;
}

export type ShownLines = "everything" | "warnings" | "errors";

const ERRORS = ["error", "fatal"];
const WARNINGS = ["warn", ...ERRORS];
/** Fields that are the line's frame, or that only machines read. */
const HIDDEN_FIELDS = new Set(["level", "time", "pid", "name", "msg", "err", "error"]);

/** The line as people should see it, or undefined where it is not worth showing. */
export function formatLogLine(line: string, options: LogLineOptions): string | undefined {
  if (line.trim() === "") return undefined;
  const record = parseRecord(line);
  if (!record) {
    return options.show === "everything" || options.stream === "stderr"
      ? `${options.service}: ${line}`
      : undefined;
  }
  const level = String(record.level ?? "info");
  if (!isShown(level, options.show)) return undefined;
  return [
    `${options.service}: ${level}:`,
    String(record.msg ?? ""),
    errorText(record.err ?? record.error),
    fieldsText(record),
  ]
    .filter((part) => part !== "")
    .join(" ");
}

function isShown(level: string, show: ShownLines): boolean {
  return show === "everything" || (show === "warnings" ? WARNINGS : ERRORS).includes(level);
}

function parseRecord(line: string): Readonly<Record<string, unknown>> | undefined {
  if (!line.startsWith("{")) return undefined;
  try {
    return JSON.parse(line) as Record<string, unknown>;
  } catch {
    return undefined; // Not a log record: shown as it is.
  }
}

function errorText(error: unknown): string {
  if (typeof error !== "object" || error === null || !("message" in error)) return "";
  return `(${String(error.message)})`;
}

/** Simple fields only: nested ones are for machines. */
function fieldsText(record: Readonly<Record<string, unknown>>): string {
  return Object.entries(record)
    .filter(
      ([name, value]) => !HIDDEN_FIELDS.has(name) && ["string", "number", "boolean"].includes(typeof value),
    )
    .map(([name, value]) => `${name}=${value}`)
    .join(" ");
}
