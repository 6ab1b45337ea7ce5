import { describe, expect, test } from "@jest/globals";
import { hasExactByteProducts } from "./exact-byte-products.ts";

describe("Whether products of bytes are exact", () => {
  test("is so on processors with VNNI, of either kind", () => {
    expect(hasExactByteProducts(() => "model name\t: A\nflags\t\t: fpu avx2 avx512_vnni\n")).toBe(true);
    expect(hasExactByteProducts(() => "flags\t\t: fpu avx_vnni avx2\n")).toBe(true);
  });

  test("is not so on processors without, and where nothing is known", () => {
    expect(hasExactByteProducts(() => "flags\t\t: fpu avx2 avx512f\n")).toBe(false);
    expect(hasExactByteProducts(() => "Features\t: fp asimd\n")).toBe(false);
    const unreadable = () => {
      throw new Error("ENOENT");
    };
    expect(hasExactByteProducts(unreadable)).toBe(false);
  });
});
