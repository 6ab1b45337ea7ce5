import { expect, test } from "@jest/globals";
import { randomBytes } from "./random-bytes.ts";

test("bytes are of the length that is asked for, and never the same", () => {
  const seen = new Set<string>();
  for (let i = 0; i < 3000; i++) {
    const bytes = randomBytes(8 + (i % 9));
    expect(bytes).toHaveLength(8 + (i % 9));
    seen.add(bytes.subarray(0, 8).toString("hex"));
  }
  expect(seen.size).toBe(3000);
  expect(seen.has("0".repeat(16))).toBe(false);
});
