import { BatonError } from "@baton/core";
import { expect, test } from "@jest/globals";
import { createLogger, type LogLevel } from "./logger.ts";
import { HandClock } from "./test-support/span-collector.ts";
import { throttledDiagLogger } from "./throttled-diag-logger.ts";

function setUp(level: LogLevel = "info") {
  const lines: string[] = [];
  const logger = createLogger({
    name: "router",
    level,
    destination: { write: (line) => void lines.push(line) },
  });
  return { logger, entries: () => lines.map((line) => JSON.parse(line)) };
}

test("a line is one JSON object with service, level, time, fields and message", () => {
  const { logger, entries } = setUp();
  logger.info({ workerId: "prefill-0" }, "Worker joined");
  logger.debug({}, "Not at this level");
  expect(entries()).toEqual([
    {
      level: "info",
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      name: "router",
      pid: process.pid,
      workerId: "prefill-0",
      msg: "Worker joined",
    },
  ]);
});

test("an error is written with its code and its cause", () => {
  const { logger, entries } = setUp();
  const error = new BatonError("worker_lost", "Cannot reach it", { cause: new Error("ECONNREFUSED") });
  logger.error({ error }, "Request failed");
  expect(entries()).toMatchObject([{ error: { code: "worker_lost", cause: { message: "ECONNREFUSED" } } }]);
});

test("secrets, prompts and messages never reach the log", () => {
  const { logger, entries } = setUp();
  logger.info({ apiKey: "s3cret", headers: { authorization: "Bearer s3cret" }, prompt: "s3cret" }, "Request");
  expect(JSON.stringify(entries())).not.toContain("s3cret");
});

test("the SDK's complaints are passed on once a minute, with the number of those left out", () => {
  const { logger, entries } = setUp();
  const clock = new HandClock();
  const diag = throttledDiagLogger(logger, clock);
  diag.error("14 UNAVAILABLE", { code: 14 });
  diag.error("again");
  diag.error("and again");
  clock.advance(60_000);
  diag.error("still");
  expect(entries()).toMatchObject([
    { level: "warn", detail: "14 UNAVAILABLE [object Object]", suppressed: 0 },
    { level: "warn", detail: "still", suppressed: 2 },
  ]);
});
