import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { checksumOf } from "./checksum.ts";

describe("The checksum of a frame", () => {
  test("has known values", () => {
    // The tag of nothing is the encrypted first counter block: test case 1 of the GCM specification.
    expect(checksumOf(new Uint8Array())).toBe(Buffer.from("58e2fcce", "hex").readUInt32LE());
    expect(checksumOf(Buffer.from("keys and values"))).toBe(checksumOf(Buffer.from("keys and values")));
  });

  test("changes with any bit", () => {
    const bytes = fc.uint8Array({ minLength: 1, maxLength: 200 });
    fc.assert(
      fc.property(bytes, fc.nat(), fc.nat(7), (values, place, bit) => {
        const changed = Uint8Array.from(values);
        const index = place % values.length;
        changed[index] = changed[index]! ^ (1 << bit);
        expect(checksumOf(changed)).not.toBe(checksumOf(values));
      }),
    );
  });

  test("is that of the bytes in a view, shared memory included", () => {
    const memory = new Uint8Array(new SharedArrayBuffer(64)).fill(5);
    expect(checksumOf(memory.subarray(8, 24))).toBe(checksumOf(new Uint8Array(16).fill(5)));
  });
});
