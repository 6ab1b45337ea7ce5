import { encodeSpans } from "@baton/tracing";
import { expect, test } from "@jest/globals";
import { createTraceState, SpanKind } from "@opentelemetry/api";
import { ProtobufTraceSerializer } from "@opentelemetry/otlp-transformer";
import type { ReadableSpan } from "@opentelemetry/sdk-trace";
import fc from "fast-check";
import { decodeExport } from "./trace-receiver.ts";

const text = fc.oneof(fc.string(), fc.string({ unit: "grapheme", maxLength: 200 }));
// Beyond the safe integers the SDK writes an integer all the same, and nobody can say which was meant.
const double = fc.double().filter((value) => !Number.isInteger(value) || Number.isSafeInteger(value));
const plain = fc.oneof(text, fc.boolean(), fc.maxSafeInteger(), double, fc.constant(-1));
const attributes = fc.dictionary(
  text.filter((key) => key !== "__proto__"),
  fc.oneof(plain, fc.array(text, { maxLength: 3 }), fc.array(double, { maxLength: 3 })),
  { maxKeys: 5 },
);
const hex = (digits: number) =>
  fc.string({ unit: fc.constantFrom(..."123456789abcdef"), minLength: digits, maxLength: digits });
const time = fc.tuple(fc.integer({ min: 0, max: 2 ** 32 }), fc.integer({ min: 0, max: 999_999_999 }));
const context = fc.record({
  traceId: hex(32),
  spanId: hex(16),
  traceFlags: fc.constantFrom(0, 1),
  isRemote: fc.boolean(),
  traceState: fc.constantFrom(undefined, createTraceState("a=b,c=d")),
});
const event = fc.record({ time, name: text, attributes });
const link = fc.record({ context, attributes });
const RESOURCE = { attributes: { "service.name": "baton-router", "process.pid": 7 } };
const scopes = [{ name: "baton", version: "1" }, { name: "grpc" }];

const span = fc
  .record({
    name: text,
    kind: fc.constantFrom(SpanKind.INTERNAL, SpanKind.SERVER, SpanKind.CLIENT),
    own: context,
    parentSpanContext: fc.option(context, { nil: undefined }),
    startTime: time,
    endTime: time,
    status: fc.record({ code: fc.constantFrom(0, 1, 2), message: fc.option(text, { nil: undefined }) }),
    attributes,
    events: fc.array(event, { maxLength: 3 }),
    links: fc.array(link, { maxLength: 3 }),
    instrumentationScope: fc.constantFrom(...scopes),
    droppedEventsCount: fc.nat(300),
    droppedLinksCount: fc.nat(300),
  })
  .map(({ own, ...rest }) => {
    return {
      ...rest,
      spanContext: () => own,
      resource: RESOURCE,
      droppedAttributesCount: 0,
    } as unknown as ReadableSpan;
  });

test("spans are encoded as the SDK encodes them", () => {
  fc.assert(
    fc.property(fc.array(span, { minLength: 1, maxLength: 4 }), (spans) => {
      const theirs = ProtobufTraceSerializer.serializeRequest(spans)!;
      expect(decodeExport(encodeSpans(spans))).toEqual(decodeExport(theirs));
    }),
  );
});

test("a span may be larger than the writer's memory", () => {
  const [small] = fc.sample(span, { numRuns: 1, seed: 1 });
  const large = { ...small!, attributes: { first: "a".repeat(20_000), second: "ä".repeat(20_000) } };
  expect(decodeExport(encodeSpans([large]))[0]!.attributes).toEqual(large.attributes);
});

test("a span that cannot be encoded leaves nothing behind in those after it", () => {
  const [sound] = fc.sample(span, { numRuns: 1, seed: 1 });
  const broken = {
    ...sound!,
    attributes: {
      get first(): string {
        throw new Error("no");
      },
      second: "written before the first",
    },
  };
  expect(() => encodeSpans([broken])).toThrow("no");
  expect(decodeExport(encodeSpans([sound!]))).toEqual(
    decodeExport(ProtobufTraceSerializer.serializeRequest([sound!])!),
  );
});

test("no spans are an empty request", () => {
  expect(decodeExport(encodeSpans([]))).toEqual([]);
});
