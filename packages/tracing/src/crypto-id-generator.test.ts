import { expect, test } from "@jest/globals";
import { CryptoIdGenerator } from "./crypto-id-generator.ts";

test("ids have their full width, use every digit, and do not repeat", () => {
  const generator = new CryptoIdGenerator();
  const traceIds = Array.from({ length: 2000 }, generator.generateTraceId);
  const spanIds = Array.from({ length: 2000 }, generator.generateSpanId);
  expect(traceIds.every((id) => /^[0-9a-f]{32}$/.test(id))).toBe(true);
  expect(spanIds.every((id) => /^[0-9a-f]{16}$/.test(id))).toBe(true);
  expect(new Set([...traceIds, ...spanIds]).size).toBe(4000);
  const digitsAt = (ids: readonly string[], place: number) => new Set(ids.map((id) => id[place])).size;
  expect([0, 15, 16, 31].map((place) => digitsAt(traceIds, place))).toEqual([16, 16, 16, 16]);
  expect([0, 15].map((place) => digitsAt(spanIds, place))).toEqual([16, 16]);
});
