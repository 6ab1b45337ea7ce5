import { describe, expect, test } from "@jest/globals";
import { formatLogLine } from "./format-log-line.ts";

const quiet = { service: "prefill-0", stream: "stdout", show: "warnings" } as const;
const verbose = { ...quiet, show: "everything" } as const;

describe("formatLogLine", () => {
  const frame = { time: "2026-01-01T00:00:00Z", pid: 7, name: "prefill-worker" };

  test("shows a warning with its simple fields, without its frame", () => {
    const line = JSON.stringify({
      ...frame,
      level: "warn",
      kvBlocks: 3,
      layout: { layers: 2 },
      msg: "KV memory is small",
    });
    expect(formatLogLine(line, quiet)).toBe("prefill-0: warn: KV memory is small kvBlocks=3");
  });

  test("shows the message of an error, not its stack", () => {
    for (const field of ["err", "error"]) {
      const line = JSON.stringify({
        level: "error",
        [field]: { message: "Broken", stack: "at x" },
        msg: "Service failed",
      });
      expect(formatLogLine(line, quiet)).toBe("prefill-0: error: Service failed (Broken)");
    }
  });

  test("shows info lines only with everything", () => {
    const line = JSON.stringify({ ...frame, level: "info", msg: "Worker serves" });
    expect(formatLogLine(line, quiet)).toBeUndefined();
    expect(formatLogLine(line, verbose)).toBe("prefill-0: info: Worker serves");
  });

  test("shows no warning where only errors are worth showing", () => {
    const stopping = { ...quiet, show: "errors" } as const;
    expect(
      formatLogLine(JSON.stringify({ level: "warn", msg: "Lost the router" }), stopping),
    ).toBeUndefined();
    expect(formatLogLine(JSON.stringify({ level: "error", msg: "Broken" }), stopping)).toBeDefined();
  });

  test("shows plain text from stderr always, from stdout only with everything", () => {
    expect(formatLogLine("out of memory", { ...quiet, stream: "stderr" })).toBe("prefill-0: out of memory");
    expect(formatLogLine("hello", quiet)).toBeUndefined();
    expect(formatLogLine("hello", verbose)).toBe("prefill-0: hello");
  });

  test("shows a broken JSON line as plain text, and empty lines never", () => {
    expect(formatLogLine('{"level":', { ...quiet, stream: "stderr" })).toBe('prefill-0: {"level":');
    expect(formatLogLine("  ", verbose)).toBeUndefined();
  });
});
