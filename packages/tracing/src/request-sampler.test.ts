import { expect, test } from "@jest/globals";
import { ROOT_CONTEXT, trace as traceApi } from "@opentelemetry/api";
import { AlwaysOffSampler, AlwaysOnSampler, ParentBasedSampler } from "@opentelemetry/sdk-trace";
import { parseHeader } from "./carrier.ts";
import { asksSampler, requestSampler } from "./request-sampler.ts";

const below = (flags: string) => {
  const traceparent = `00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-${flags}`;
  return traceApi.setSpanContext(ROOT_CONTEXT, parseHeader({ traceparent })!.context);
};
const decide = (sampler: ReturnType<typeof requestSampler>, context: ReturnType<typeof below>) =>
  sampler.shouldSample(context, "0af7651916cd43dd8448eb211c80319c", "x", 0, {}, []).decision === 2;

test("where a trace begins the configured sampler decides", () => {
  const on = requestSampler(new AlwaysOnSampler());
  const off = requestSampler(new AlwaysOffSampler());
  expect([decide(on, asksSampler(below("00"))), decide(off, asksSampler(below("01")))]).toEqual([
    true,
    false,
  ]);
  const parent = requestSampler(new ParentBasedSampler({ root: new AlwaysOnSampler() }));
  expect([decide(parent, asksSampler(below("00"))), decide(parent, asksSampler(ROOT_CONTEXT))]).toEqual([
    false,
    true,
  ]);
});

test("below, the flag of the parent decides, whatever is configured", () => {
  for (const sampler of [new AlwaysOnSampler(), new AlwaysOffSampler()].map(requestSampler)) {
    expect([
      decide(sampler, below("01")),
      decide(sampler, below("00")),
      decide(sampler, ROOT_CONTEXT),
    ]).toEqual([true, false, false]);
  }
});
