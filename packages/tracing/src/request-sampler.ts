/**
 * Which traces are recorded. The configured sampler is asked where a trace begins in Baton: at the root of a request,
 * and at a standalone trace. Everything below follows the sampled flag of its parent, in every process, so that no
 * sampler setting can tear a tree apart.
 */
import { type Context, createContextKey, TraceFlags, trace as traceApi } from "@opentelemetry/api";
import type { Sampler, SamplingResult } from "@opentelemetry/sdk-trace";

const ASKS = createContextKey("baton asks the sampler");
/** The values of `SamplingDecision`; named here so that the SDK is not loaded for them. */
const NOT_RECORD = 0;
const RECORD_AND_SAMPLED = 2;

/** The samplers that `OTEL_TRACES_SAMPLER` names. */
export const SAMPLERS = [
  "always_on",
  "always_off",
  "traceidratio",
  "parentbased_always_on",
  "parentbased_always_off",
  "parentbased_traceidratio",
] as const;
export type SamplerName = (typeof SAMPLERS)[number];

/** Marks the place where the configured sampler decides. */
export function asksSampler(context: Context): Context {
  return context.setValue(ASKS, true);
}

export function requestSampler(configured: Sampler): Sampler {
  return {
    shouldSample(context, ...rest): SamplingResult {
      if (context.getValue(ASKS)) return configured.shouldSample(context, ...rest);
      const parent = traceApi.getSpanContext(context);
      const sampled = parent !== undefined && (parent.traceFlags & TraceFlags.SAMPLED) !== 0;
      return { decision: sampled ? RECORD_AND_SAMPLED : NOT_RECORD };
    },
    toString: () => `RequestSampler{${configured}}`,
  };
}
