/**
 * The names of usage and the like have changed in OpenTelemetry's conventions. What code writes under the names of the
 * seed is also written under today's, or, with `gen_ai_latest_experimental` in `OTEL_SEMCONV_STABILITY_OPT_IN`, only so.
 */
import { ATTR } from "./names.ts";
import type { Attributes, AttributeValue } from "./request-trace.ts";

const TODAYS_NAMES: Readonly<Record<string, string>> = {
  [ATTR.promptTokens]: "gen_ai.usage.input_tokens",
  [ATTR.completionTokens]: "gen_ai.usage.output_tokens",
  [ATTR.cachedTokens]: "gen_ai.usage.cache_read.input_tokens",
  [ATTR.choices]: "gen_ai.request.choice.count",
  [ATTR.timeToFirstToken]: "gen_ai.response.time_to_first_chunk",
};

/** Gives attributes the names that are asked for. */
export type AttributeNames = (attributes: Attributes) => Attributes;

export function genAiNames(optIn: readonly string[] = []): AttributeNames {
  const latestOnly = optIn.includes("gen_ai_latest_experimental");
  return (attributes) => {
    const named: Record<string, AttributeValue | undefined> = {};
    for (const [key, value] of Object.entries(attributes)) {
      const today = TODAYS_NAMES[key];
      if (today !== undefined) named[today] = value;
      if (today === undefined || !latestOnly) named[key] = value;
    }
    return named;
  };
}
