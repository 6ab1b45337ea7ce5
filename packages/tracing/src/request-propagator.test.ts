import { expect, test } from "@jest/globals";
import {
  defaultTextMapGetter,
  defaultTextMapSetter,
  ROOT_CONTEXT,
  trace as traceApi,
} from "@opentelemetry/api";
import { requestOf } from "./request-context.ts";
import { requestPropagator } from "./request-propagator.ts";

const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const extract = (carrier: Record<string, string>) =>
  requestPropagator.extract(ROOT_CONTEXT, carrier, defaultTextMapGetter);

function inject(context: ReturnType<typeof extract>): Record<string, string> {
  const carrier = {};
  requestPropagator.inject(context, carrier, defaultTextMapSetter);
  return carrier;
}

test("what is injected is what was extracted, level and slice included, flags real", () => {
  const carrier = { traceparent, tracestate: "baton=l:2;p:00f067aa0ba902b7,congo=1" };
  expect(inject(extract(carrier))).toEqual(carrier);
  expect(requestOf(extract(carrier))).toEqual({ level: 2, previous: "00f067aa0ba902b7" });
  expect(traceApi.getSpanContext(extract(carrier))!.traceState!.serialize()).toBe("congo=1");
});

test("an unsampled context carries no entry of ours", () => {
  const carrier = { traceparent: traceparent.replace(/1$/, "0"), tracestate: "baton=l:2,congo=1" };
  expect(inject(extract(carrier))).toEqual({ ...carrier, tracestate: "congo=1" });
});

test.each([{}, { traceparent: "nonsense" }, { tracestate: "baton=l:2" }])(
  "of %j nothing is taken",
  (carrier) => {
    expect(extract(carrier as Record<string, string>)).toBe(ROOT_CONTEXT);
    expect(inject(ROOT_CONTEXT)).toEqual({});
  },
);

test("a context from another system has no level", () => {
  expect(requestOf(extract({ traceparent, tracestate: "congo=1" }))).toBeUndefined();
  expect(requestPropagator.fields()).toEqual(["traceparent", "tracestate"]);
});
