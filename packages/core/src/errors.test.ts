import { describe, expect, test } from "@jest/globals";
import { BatonError, ERROR_TRAITS, isBatonError, isErrorCode } from "./errors.ts";

describe("BatonError.from()", () => {
  test("keeps a BatonError as it is", () => {
    const error = new BatonError("overloaded", "Full");
    expect(BatonError.from(error)).toBe(error);
  });

  test("recognises one from another copy of this module", () => {
    const foreign = Object.assign(new Error("Full"), { name: "BatonError", code: "overloaded" });
    expect(BatonError.from(foreign)).toBe(foreign);
    expect(isBatonError(Object.assign(new Error(), { name: "BatonError", code: "EPIPE" }))).toBe(false);
  });

  test("turns aborts and time-outs into their codes, and all else into the fallback", () => {
    expect(BatonError.from(new DOMException("late", "TimeoutError")).code).toBe("deadline_exceeded");
    expect(BatonError.from(new DOMException("gone", "AbortError")).code).toBe("canceled");
    expect(BatonError.from(new TypeError("oops")).code).toBe("internal");
    expect(BatonError.from("text", "unavailable")).toMatchObject({ code: "unavailable", message: "text" });
  });

  test("keeps what was thrown as the cause", () => {
    const cause = new TypeError("oops");
    expect(BatonError.from(cause).cause).toBe(cause);
  });
});

test("a retryable code is never the client's fault", () => {
  for (const traits of Object.values(ERROR_TRAITS)) {
    if (traits.retryable) expect(traits.http === 429 || traits.http >= 500).toBe(true);
  }
});

test("isErrorCode() knows the closed list only", () => {
  expect(isErrorCode("kv_mismatch")).toBe(true);
  expect(isErrorCode("toString")).toBe(false);
});
