import { expect, test } from "@jest/globals";
import { traceFields } from "./trace-header.ts";

test("a line of a request names its trace and span, sampled or not", () => {
  const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";
  expect(traceFields({ traceparent })).toEqual({
    trace_id: "0af7651916cd43dd8448eb211c80319c",
    span_id: "b7ad6b7169203331",
  });
});

test.each([undefined, { traceparent: "garbage" }])("without a trace (%j) there are no fields", (header) => {
  expect(traceFields(header)).toEqual({});
});
