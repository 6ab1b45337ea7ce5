import { BatonError, ERROR_TRAITS, type ErrorCode } from "@baton/core";
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { backoffMs, DEFAULT_RETRY_LIMITS, mayMigrate, mayRetry, type RequestProgress } from "./retry.ts";

const lost = new BatonError("worker_lost", "Cannot go on: the worker is gone");
const moment = { now: 0, random: () => 0, limits: DEFAULT_RETRY_LIMITS };
const fresh: RequestProgress = {
  attempts: 1,
  migrations: 0,
  tokensSent: 0,
  promptTokens: 100,
  complete: false,
  canceled: false,
  deadline: 10_000,
};
const streaming = { ...fresh, tokensSent: 5 };

describe("mayRetry", () => {
  test("tries again after a pause while no token was sent", () => {
    expect(mayRetry(lost, fresh, moment)).toEqual({ kind: "again", afterMs: 50 });
    expect(mayRetry(lost, { ...fresh, attempts: 2 }, moment)).toEqual({ kind: "again", afterMs: 100 });
  });

  test.each([
    ["tokens were sent", { ...fresh, tokensSent: 1 }],
    ["attempts are used up", { ...fresh, attempts: 3 }],
    ["the client has left", { ...fresh, canceled: true }],
    ["the pause would pass the deadline", { ...fresh, deadline: 50 }],
  ])("gives up when %s", (_, progress) => {
    expect(mayRetry(lost, progress, moment).kind).toBe("give_up");
  });

  test("gives up on errors that any worker would answer with", () => {
    for (const code of Object.keys(ERROR_TRAITS) as ErrorCode[]) {
      const again = mayRetry(new BatonError(code, "Cannot"), fresh, moment).kind === "again";
      expect(again).toBe(ERROR_TRAITS[code].retryable);
    }
  });
});

describe("mayMigrate", () => {
  test("moves at once the first time, then with growing pauses", () => {
    const pauses = [0, 1, 2].map((migrations) => mayMigrate(lost, { ...streaming, migrations }, moment));
    expect(pauses).toEqual([0, 50, 100].map((afterMs) => ({ kind: "again", afterMs })));
  });

  test.each([
    ["no token was sent", fresh],
    ["it is complete", { ...streaming, complete: true }],
    ["it moved too often", { ...streaming, migrations: 3 }],
    ["it is too long", { ...streaming, promptTokens: 32_764 }],
  ])("gives up when %s", (_, progress) => {
    expect(mayMigrate(lost, progress, moment).kind).toBe("give_up");
  });
});

test("an error leads to a retry or a migration, never to both, and not for ever", () => {
  const progress = fc.record({
    attempts: fc.integer({ min: 1, max: 50 }),
    migrations: fc.nat(50),
    tokensSent: fc.nat(3),
    promptTokens: fc.nat(1000),
    complete: fc.boolean(),
    canceled: fc.boolean(),
    deadline: fc.nat(5000),
  });
  fc.assert(
    fc.property(progress, (each) => {
      const retry = mayRetry(lost, each, moment);
      const move = mayMigrate(lost, each, moment);
      expect(retry.kind === "again" && move.kind === "again").toBe(false);
      if (retry.kind === "again") expect(each.attempts).toBeLessThan(DEFAULT_RETRY_LIMITS.maxAttempts);
      if (move.kind === "again") expect(each.migrations).toBeLessThan(DEFAULT_RETRY_LIMITS.maxMigrations);
      for (const decision of [retry, move]) {
        if (decision.kind === "again") expect(decision.afterMs).toBeLessThan(each.deadline);
      }
    }),
  );
});

test("pauses grow to their limit, and chance only shortens them", () => {
  const chance = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 60 }), chance, (attempts, random) => {
      const full = backoffMs(attempts, { random: () => 0, limits: DEFAULT_RETRY_LIMITS });
      const pause = backoffMs(attempts, { random: () => random, limits: DEFAULT_RETRY_LIMITS });
      expect(full).toBeLessThanOrEqual(DEFAULT_RETRY_LIMITS.maxMs);
      expect(pause).toBeLessThanOrEqual(full);
      expect(pause).toBeGreaterThanOrEqual(full * (1 - DEFAULT_RETRY_LIMITS.jitter));
    }),
  );
});
