/** How a client chooses the trace level of one request: by a header, or by `metadata.trace` in the body. The header wins. */
import { BatonError } from "@baton/core";
import { isTraceLevel, type TraceLevel } from "@baton/tracing";
import type { FastifyRequest } from "fastify";
import { z } from "zod";

const TRACE_LEVEL_HEADER = "x-baton-trace-level";
const EVERYTHING: TraceLevel = 3;
const NOTHING: TraceLevel = 0;

/** OpenAI's `metadata` has texts as values; `{ "level": 2 }` says the same. */
const asked = z.union(
  [
    z.strictObject({ level: z.literal([0, 1, 2, 3]) }).transform(({ level }) => level),
    z.enum(["0", "1", "2", "3"]).transform((text) => Number(text) as TraceLevel),
    z.enum(["true", "false"]).transform((text) => (text === "true" ? EVERYTHING : NOTHING)),
  ],
  { error: 'expected a level from "0" to "3", "true", "false" or { "level": 0 to 3 }' },
);

/** The body field that this page owns. */
export const metadataField = z.strictObject({ trace: asked.nullish() }).nullish();

const body = z.object({ metadata: metadataField });

function levelInBody(given: unknown): TraceLevel | undefined {
  const hasMetadata = typeof given === "object" && given !== null && "metadata" in given;
  return hasMetadata ? (body.safeParse(given).data?.metadata?.trace ?? undefined) : undefined;
}

/**
 * The level that a request asks for, if it does. A body that is not as it should be asks for none: whoever reads the
 * body says what is wrong with it.
 * @throws BatonError `invalid_argument` for a header that is no level
 */
export function requestedLevel(request: FastifyRequest): TraceLevel | undefined {
  const header = request.headers[TRACE_LEVEL_HEADER];
  if (header === undefined) return levelInBody(request.body);
  const level = /^\d$/.test(String(header)) ? Number(header) : Number.NaN;
  if (isTraceLevel(level)) return level;
  throw new BatonError(
    "invalid_argument",
    `Cannot use the header "${TRACE_LEVEL_HEADER}": it is "${header}", expected 0 to 3`,
    { param: TRACE_LEVEL_HEADER },
  );
}
