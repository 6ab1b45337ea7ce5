/** Which web pages may call the API from a browser: none, unless their origins are listed. */
import type { FastifyInstance } from "fastify";

/** Headers of answers that pages may read besides the usual ones. */
const READABLE = "retry-after, x-request-id, x-baton-timing, x-baton-trace-id";
/** How long a browser may remember what it was told, in seconds. */
const MAX_AGE_SECONDS = 600;

/**
 * What is added to the answer to a request from `origin`. Headers that a page asks to send are all allowed: the API
 * trusts none of them, and authorizes by a key that no browser adds by itself.
 */
function corsHeaders(
  { origin, asked }: { readonly origin: string | undefined; readonly asked?: string | undefined },
  allowed: readonly string[],
): Readonly<Record<string, string>> | undefined {
  if (origin === undefined || !(allowed.includes("*") || allowed.includes(origin))) return undefined;
  return {
    "access-control-allow-origin": allowed.includes("*") ? "*" : origin,
    "access-control-expose-headers": READABLE,
    ...(asked !== undefined && {
      "access-control-allow-headers": asked,
      "access-control-allow-methods": "GET, POST, PUT, DELETE",
      "access-control-max-age": String(MAX_AGE_SECONDS),
    }),
  };
}

/** Answers browsers' questions before any other hook sees them: they carry no key. */
export function allowOrigins(app: FastifyInstance, allowed: readonly string[]): void {
  if (allowed.length === 0) return;
  app.addHook("onRequest", async (request, reply) => {
    const { origin } = request.headers;
    const question = request.method === "OPTIONS" && "access-control-request-method" in request.headers;
    const asked = question ? (request.headers["access-control-request-headers"] ?? "") : undefined;
    const headers = corsHeaders({ origin, asked }, allowed);
    // On the raw answer: streams are written there.
    reply.raw.setHeader("vary", "origin");
    for (const [name, value] of Object.entries(headers ?? {})) reply.raw.setHeader(name, value);
    if (question && headers) return reply.code(204).send();
    return undefined;
  });
}
