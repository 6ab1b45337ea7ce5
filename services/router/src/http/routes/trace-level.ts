/** `GET` and `PUT /trace/level`: how much of each request the whole cluster records, from the next request on. */
import { BatonError } from "@baton/core";
import { isTraceLevel, type RequestTracer, TRACE_LEVELS, type TraceLevel } from "@baton/tracing";
import type { FastifyInstance } from "fastify";
import { bodyObject } from "../schemas/parse-body.ts";

export function addTraceLevel(app: FastifyInstance, tracer: RequestTracer): void {
  app.get("/trace/level", { config: { admin: true } }, () => describe(tracer.level));
  app.put("/trace/level", { config: { admin: true } }, (request) => {
    const level = levelOf(request.body);
    tracer.level = level;
    if (tracer.level !== level) throw untraced();
    return describe(level);
  });
}

function describe(level: TraceLevel) {
  return { level, meaning: TRACE_LEVELS[level] };
}

function levelOf(body: unknown): TraceLevel {
  const { level } = bodyObject(body) as { readonly level?: unknown };
  if (isTraceLevel(level)) return level;
  throw new BatonError(
    "invalid_argument",
    `Cannot use "level": it is ${JSON.stringify(level) ?? "absent"}, expected 0, 1, 2 or 3`,
    { param: "level" },
  );
}

function untraced(): BatonError {
  return new BatonError(
    "invalid_argument",
    "Cannot set the trace level: traces have nowhere to go, expected --otlp-endpoint or --trace-store",
    { param: "level" },
  );
}
