import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { cutText, decodeFields, encodeFrame } from "./frame-codec.ts";
import { HEADER_BYTES } from "./wire-format.ts";

const u32 = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const text = (maxBytes: number) =>
  fc.string({ unit: "grapheme", maxLength: 100 }).filter((value) => Buffer.byteLength(value) <= maxBytes);

const hellos = fc.record({
  room: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  deadlineMs: u32,
  promptTokens: u32,
  heldTokens: u32,
  layers: u32,
  kvHeads: u32,
  headDim: u32,
  blockSize: u32,
  dtype: text(32),
  modelHash: text(256),
  workerId: text(256),
  epoch: text(256),
  traceparent: text(256),
  tracestate: text(4096),
  proof: fc.uint8Array({ maxLength: 32 }).map((bytes) => Buffer.from(bytes)),
});

describe("the codec", () => {
  test("gives back every HELLO that it encodes", () => {
    fc.assert(
      fc.property(hellos, (hello) => {
        const frame = encodeFrame("hello", hello);
        expect(decodeFields("hello", frame.subarray(HEADER_BYTES))).toEqual(hello);
      }),
    );
  });

  test("refuses a HELLO that is cut anywhere, or has a byte too many", () => {
    fc.assert(
      fc.property(hellos, fc.nat(), (hello, at) => {
        const payload = encodeFrame("hello", hello).subarray(HEADER_BYTES);
        expect(() => decodeFields("hello", payload.subarray(0, at % payload.length))).toThrow(
          /ends inside of/,
        );
        expect(() => decodeFields("hello", Buffer.concat([payload, Buffer.alloc(1)]))).toThrow(
          /1 bytes after/,
        );
      }),
    );
  });

  test("encodes no string over its bound, and decodes none", () => {
    const fields = { code: "internal", text: "x".repeat(1025) };
    expect(() => encodeFrame("abort", fields)).toThrow(`"text": is 1025 bytes, expected at most 1024`);
    const long = Buffer.alloc(2 + 65, 120);
    long.writeUInt16LE(65);
    expect(() => decodeFields("abort", Buffer.concat([long, Buffer.alloc(2)]))).toThrow(
      `"code" of frame "abort" is 65 bytes, expected at most 64`,
    );
  });

  test("refuses a string that is not UTF-8", () => {
    expect(() => decodeFields("abort", Buffer.from([1, 0, 0xff, 0, 0]))).toThrow("is not UTF-8");
  });
});

describe("cutText()", () => {
  test("cuts between characters, at most at the bound, and leaves the start", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), fc.integer({ min: 0, max: 20 }), (value, maxBytes) => {
        const cut = cutText(value, maxBytes);
        expect(Buffer.byteLength(cut)).toBeLessThanOrEqual(maxBytes);
        expect(value.startsWith(cut)).toBe(true);
      }),
    );
  });
});
