import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { formatHeader, parseHeader, readHeader } from "./carrier.ts";

const TRACE_ID = "0af7651916cd43dd8448eb211c80319c";
const SPAN_ID = "b7ad6b7169203331";
const traceparent = `00-${TRACE_ID}-${SPAN_ID}-01`;

/** Lower-case hex digits, not all zero. */
function hex(length: number): fc.Arbitrary<string> {
  const digit = fc.constantFrom(..."0123456789abcdef");
  return fc.string({ unit: digit, minLength: length, maxLength: length }).filter((text) => /[^0]/.test(text));
}

describe("traceparent", () => {
  test("every valid one is read and written back unchanged, flags included", () => {
    const flags = fc.integer({ min: 0, max: 255 }).map((bits) => bits.toString(16).padStart(2, "0"));
    fc.assert(
      fc.property(hex(32), hex(16), flags, (traceId, spanId, bits) => {
        const text = `00-${traceId}-${spanId}-${bits}`;
        expect(readHeader(text, undefined)).toEqual({ traceparent: text });
      }),
    );
  });

  test.each([
    ["empty", ""],
    ["upper-case hex", traceparent.toUpperCase()],
    ["a zero trace id", `00-${"0".repeat(32)}-${SPAN_ID}-01`],
    ["a zero span id", `00-${TRACE_ID}-${"0".repeat(16)}-01`],
    ["version ff", `ff-${TRACE_ID}-${SPAN_ID}-01`],
    ["version 00 with more fields", `${traceparent}-extra`],
    ["a short trace id", `00-${TRACE_ID.slice(1)}-${SPAN_ID}-01`],
    ["a later version with no separator after its flags", `01-${TRACE_ID}-${SPAN_ID}-01extra`],
    ["two values", `${traceparent},${traceparent}`],
  ])("one that is %s is treated as absent", (_what, text) => {
    expect(readHeader(text, "vendor=a")).toBeUndefined();
  });

  test("a later version is read as far as it is known, and written as version 00", () => {
    const later = `cc-${TRACE_ID}-${SPAN_ID}-ff-what-the-future-brings`;
    expect(readHeader(later, undefined)).toEqual({ traceparent });
  });

  test("the context of a disabled SDK has no header", () => {
    expect(formatHeader({ traceId: "0".repeat(32), spanId: "0".repeat(16), traceFlags: 0 })).toBeUndefined();
  });
});

describe("tracestate", () => {
  const state = (raw: string) => readHeader(traceparent, raw)?.tracestate;

  test("a valid one is kept in its order", () => {
    expect(state("rojo=00f067aa0ba902b7,tenant@congo=t61rcWkgMzE")).toBe(
      "rojo=00f067aa0ba902b7,tenant@congo=t61rcWkgMzE",
    );
    expect(state(" a=1 , ,b=2")).toBe("a=1,b=2");
  });

  test.each([
    ["a member without a value", "abc"],
    ["a key in upper case", "Abc=1"],
    ["a value with an equals sign", "a=1=2"],
    ["a key twice", "a=1,a=2"],
    ["more than 32 members", Array.from({ length: 33 }, (_, i) => `k${i}=v`).join(",")],
  ])("one with %s is dropped, and the traceparent kept", (_what, raw) => {
    expect(readHeader(traceparent, raw)).toEqual({ traceparent });
  });

  test("one that is too long loses its long members first, then its last ones", () => {
    const long = `long=${"x".repeat(200)}`;
    const short = Array.from({ length: 12 }, (_, i) => `k${i}=${"v".repeat(40)}`);
    const kept = state([long, ...short].join(","));
    expect(kept).toBe(short.slice(0, 11).join(","));
    expect(kept?.length).toBeLessThanOrEqual(512);
  });

  test("no input makes the reader throw", () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (text, raw) => {
        parseHeader({ traceparent: text, tracestate: raw });
        readHeader(traceparent, raw);
      }),
    );
  });
});

describe("the entry of our own", () => {
  const context = parseHeader({ traceparent, tracestate: "a=1" })!.context;

  test("stands in front, is read back, and is in no span's state", () => {
    const carried = { level: 2, previous: "00f067aa0ba902b7" } as const;
    const header = formatHeader(context, carried)!;
    expect(header.tracestate).toBe("baton=l:2;p:00f067aa0ba902b7,a=1");
    expect(parseHeader(header)).toEqual({ context: expect.anything(), carried });
    expect(parseHeader(header)!.context.traceState!.serialize()).toBe("a=1");
  });

  test.each(["baton=l:4", "baton=l:", "baton=2", "baton=l:2;p:xyz", "baton=l:2;q:1"])(
    "that is not as it should be (%s) is dropped",
    (entry) => {
      expect(parseHeader({ traceparent, tracestate: `${entry},a=1` })!.carried).toBeUndefined();
    },
  );

  test("is taken from no client", () => {
    expect(readHeader(traceparent, "baton=l:3,a=1")).toEqual({ traceparent, tracestate: "a=1" });
  });

  test("fits whatever the client sent, and drops of that only whole members", () => {
    const key = fc.string({ unit: fc.constantFrom(..."abcdefgh"), minLength: 1, maxLength: 12 });
    const value = fc.string({ unit: fc.constantFrom(..."xyz0123"), minLength: 1, maxLength: 200 });
    const members = fc.uniqueArray(fc.tuple(key, value), { selector: ([name]) => name, maxLength: 32 });
    fc.assert(
      fc.property(members, (entries) => {
        const sent = entries.map(([name, text]) => `${name}=${text}`);
        const read = parseHeader({ traceparent, tracestate: sent.join(",") })!;
        const state = formatHeader(read.context, { level: 3, previous: SPAN_ID })!.tracestate!;
        expect(state.length).toBeLessThanOrEqual(512);
        expect(state.split(",").length).toBeLessThanOrEqual(32);
        const [own, ...kept] = state.split(",");
        expect(own).toBe(`baton=l:3;p:${SPAN_ID}`);
        expect(kept.every((member) => sent.includes(member))).toBe(true);
      }),
    );
  });
});
