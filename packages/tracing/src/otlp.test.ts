import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import type { ExportedSpan } from "./exported-span.ts";
import { spansFromOtlp, spansToOtlp } from "./otlp.ts";

const hexOf = (digits: number) => fc.stringMatching(new RegExp(`^[0-9a-f]{${digits}}$`));
const scalar = fc.oneof(fc.string(), fc.boolean(), fc.maxSafeInteger(), fc.double({ noNaN: true }));
const attributes = fc
  .array(fc.tuple(fc.string(), fc.oneof(scalar, fc.array(scalar))))
  .map((pairs) => Object.fromEntries(pairs));
const nanoseconds = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const span: fc.Arbitrary<ExportedSpan> = fc.record({
  traceId: hexOf(32),
  spanId: hexOf(16),
  parentSpanId: fc.option(hexOf(16), { nil: undefined }),
  name: fc.string(),
  kind: fc.constantFrom("unspecified", "internal", "server", "client", "producer", "consumer"),
  startNs: nanoseconds,
  endNs: nanoseconds,
  status: fc.record({ code: fc.constantFrom("unset", "ok", "error"), message: fc.string() }),
  attributes,
  resource: fc.constant({ "service.name": "router", "process.pid": 7 }),
  flags: fc.nat(255),
  traceState: fc.string(),
  links: fc.array(fc.record({ traceId: hexOf(32), spanId: hexOf(16), attributes })),
  events: fc.array(fc.record({ name: fc.string(), timeNs: nanoseconds, attributes })),
});

/** JSON has no negative zero. */
const withoutNegativeZero = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(value, (_key, item) => (typeof item === "bigint" ? `${item}n` : item)));

test("what is written as JSON is read back as it was", () => {
  fc.assert(
    fc.property(fc.array(span, { maxLength: 5 }), (spans) => {
      const read = spansFromOtlp(JSON.parse(JSON.stringify(spansToOtlp(spans))));
      expect(withoutNegativeZero(read)).toEqual(withoutNegativeZero(spans));
    }),
    { numRuns: 50 },
  );
});

test("spans are grouped by the process that made them", () => {
  const [sample] = fc.sample(span, 1);
  const of = (name: string, spanId: string) => ({ ...sample!, spanId, resource: { "service.name": name } });
  const { resourceSpans } = spansToOtlp([of("a", "1"), of("b", "2"), of("a", "3")]);
  const ids = resourceSpans!.map(({ scopeSpans }) => scopeSpans![0]!.spans!.map(({ spanId }) => spanId));
  expect(ids).toEqual([["1", "3"], ["2"]]);
});

describe("reading", () => {
  const one = (fields: object) =>
    spansFromOtlp({ resourceSpans: [{ scopeSpans: [{ spans: [fields] }] }] })[0]!;

  test("takes enums by number and by name, and anything unknown as unspecified", () => {
    expect(one({ kind: 3, status: { code: 2 } })).toMatchObject({
      kind: "client",
      status: { code: "error" },
    });
    expect(one({ kind: "SPAN_KIND_SERVER", status: { code: "STATUS_CODE_OK" } })).toMatchObject({
      kind: "server",
      status: { code: "ok" },
    });
    expect(one({ kind: 99, status: { code: "?" } })).toMatchObject({
      kind: "unspecified",
      status: { code: "unset" },
    });
  });

  test("takes ids as bytes and as hex of either case", () => {
    expect(one({ traceId: Buffer.from("ab", "hex"), spanId: "AB" })).toMatchObject({
      traceId: "ab",
      spanId: "ab",
    });
  });

  test("fills in what proto3 leaves out", () => {
    expect(one({})).toEqual({
      traceId: "",
      spanId: "",
      parentSpanId: undefined,
      name: "",
      kind: "unspecified",
      startNs: 0n,
      endNs: 0n,
      status: { code: "unset", message: "" },
      attributes: {},
      resource: {},
      flags: 0,
      traceState: "",
      links: [],
      events: [],
    });
    expect(spansFromOtlp({})).toEqual([]);
  });

  test("keeps lists, maps and bytes, and a whole number that a number cannot hold as text", () => {
    const attributes = [
      { key: "map", value: { kvlistValue: { values: [{ key: "a", value: { intValue: "1" } }] } } },
      { key: "bytes", value: { bytesValue: Buffer.from("hi") } },
      { key: "large", value: { intValue: "9223372036854775807" } },
      { key: "nothing", value: null },
    ];
    expect(one({ attributes }).attributes).toEqual({
      map: { a: 1 },
      bytes: "aGk=",
      large: "9223372036854775807",
      nothing: undefined,
    });
  });
});
