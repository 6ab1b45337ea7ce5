/** The HTTP server: routes, JSON bodies, one error shape, and a scope for every request that is traced. */
import { BatonError, ERROR_TRAITS, type Logger, systemClock, traceFields } from "@baton/core";
import type { Metrics } from "@baton/metrics";
import { ATTR, type Attributes, type RequestTracer, readHeader } from "@baton/tracing";
import Fastify, {
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
} from "fastify";
import { ApiError } from "../api-error.ts";
import type { InFlightRequests } from "../in-flight-requests.ts";
import type { Admission } from "../pipeline/admit.ts";
import { RequestFigures } from "../request-figures.ts";
import { answerClientError } from "./client-error.ts";
import { allowOrigins } from "./cors.ts";
import { errorBody } from "./error-body.ts";
import { type GuardOptions, guard, limitKeys } from "./guard.ts";
import { parseJsonBodies } from "./json-body.ts";
import { createListener } from "./listeners.ts";
import { chooseRequestId, nameInBody, REQUEST_ID_HEADER } from "./request-id.ts";
import { RequestScope } from "./request-scope.ts";
import { type RoutingOverrides, routingWishes } from "./routing-wishes.ts";
import { syncHook } from "./sync-hook.ts";
import { requestedLevel } from "./trace-level.ts";

declare module "fastify" {
  interface FastifyRequest {
    /** Set on routes with `traced`. */
    scope: RequestScope | undefined;
  }
  interface FastifyContextConfig {
    /** The request has a trace and a deadline of its own: it asks for a generation. */
    readonly traced?: true;
    /** The field of the body in which a client may name its request. */
    readonly idField?: string;
  }
}

export interface HttpServerOptions {
  readonly maxBodyBytes: number;
  readonly requestTimeoutMs: number;
  readonly inFlight: InFlightRequests;
  /** Knows when a client that met a limit should come back. */
  readonly admission: Pick<Admission, "retryAfterMs">;
  readonly tracer: RequestTracer;
  /** Whether a request may choose its own trace level. */
  readonly traceOverrides: "allow" | "ignore";
  /** Whether a request may choose its own way. */
  readonly routingOverrides: RoutingOverrides;
  /** Header whose value keeps requests together. */
  readonly affinityHeader: string;
  readonly access: GuardOptions;
  /** Origins of web pages that may call the API; "*" is every one. */
  readonly corsOrigins: readonly string[];
  readonly metrics: Metrics;
  readonly logger: Logger;
}

const PROVIDER = "baton";

/** The methods that any route has. */
const METHODS = ["GET", "POST", "PUT", "DELETE"] as const;

/** Makes the server without any route; the caller adds them, listens and closes. */
export function createHttpServer(options: HttpServerOptions): FastifyInstance {
  const app = Fastify({
    bodyLimit: options.maxBodyBytes,
    serverFactory: (handler) => createListener(handler, options),
    clientErrorHandler: answerClientError,
    // Whoever closes the server has waited for the running requests; what is left are idle connections.
    forceCloseConnections: true,
    exposeHeadRoutes: false,
  });
  parseJsonBodies(app);
  app.decorateRequest("scope", undefined);
  allowOrigins(app, options.corsOrigins);
  guard(app, options.access);
  app.addHook(
    "onRequest",
    syncHook((request, reply) => openScope(request, reply, options)),
  );
  limitKeys(app, options.access);
  // The body has been read by now.
  app.addHook(
    "preHandler",
    syncHook((request, reply) => {
      if (!request.scope) return;
      const name = nameInBody(request, (id) => options.inFlight.has(id));
      if (name) request.scope.rename(name);
      request.scope.begin(options.traceOverrides === "allow" ? requestedLevel(request) : undefined);
      reply.headers(request.scope.headers);
      request.scope.routing = routingWishes(request.headers, options.routingOverrides);
    }),
  );
  app.setErrorHandler((reason: FastifyError | BatonError, request, reply) =>
    sendError(errorOf(reason, options.maxBodyBytes), request, reply, options),
  );
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split("?")[0]!;
    const allowed = METHODS.filter((method) => app.findRoute({ method, url: path }) !== null);
    if (allowed.length > 0) reply.header("allow", allowed.join(", "));
    return sendError(noRoute(request.method, path, allowed), request, reply, options);
  });
  return app;
}

function openScope(request: FastifyRequest, reply: FastifyReply, options: HttpServerOptions): void {
  const { inFlight, tracer, metrics, logger } = options;
  const id = chooseRequestId(request.headers[REQUEST_ID_HEADER], (candidate) => inFlight.has(candidate));
  reply.header(REQUEST_ID_HEADER, id);
  if (!request.routeOptions.config.traced) return;
  const arrivedAt = systemClock.now();
  request.scope = new RequestScope({
    id,
    record: (id, level) => {
      const { traceparent, tracestate } = request.headers;
      const header = readHeader(single(traceparent), single(tracestate));
      const trace = tracer.startRequest(id, header, httpAttributes(request, id), {
        level,
        startTime: arrivedAt,
      });
      const operation = operationOf(request);
      const figures = new RequestFigures({ metrics, header: trace.header, operation, startedAt: arrivedAt });
      return { trace, figures };
    },
    logger,
    timeoutMs: options.requestTimeoutMs,
    inFlight,
    response: reply.raw,
    client: request.apiKey?.name,
    affinityKey: single(request.headers[options.affinityHeader.toLowerCase()]),
  });
}

function operationOf(request: FastifyRequest): "chat" | "text_completion" {
  return request.routeOptions.url?.includes("chat") ? "chat" : "text_completion";
}

function httpAttributes(request: FastifyRequest, id: string): Attributes {
  const { localAddress, localPort } = request.socket;
  return {
    [ATTR.requestId]: id,
    [ATTR.operationName]: operationOf(request),
    [ATTR.providerName]: PROVIDER,
    [ATTR.httpMethod]: request.method,
    [ATTR.httpRoute]: request.routeOptions.url,
    [ATTR.urlPath]: request.url.split("?")[0],
    [ATTR.urlScheme]: request.protocol,
    [ATTR.serverAddress]: localAddress,
    [ATTR.serverPort]: localPort,
    [ATTR.clientAddress]: request.ip,
    [ATTR.userAgent]: request.headers["user-agent"],
    [ATTR.protocolVersion]: request.raw.httpVersion,
  };
}

function single(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header.join(",") : header;
}

function sendError(
  error: BatonError,
  request: FastifyRequest,
  reply: FastifyReply,
  { admission, logger }: Pick<HttpServerOptions, "admission" | "logger">,
): FastifyReply {
  if (request.scope) {
    request.scope.failed(error);
    reply.headers(request.scope.headers);
  }
  const { http, retryable } = ERROR_TRAITS[error.code];
  if (error.code === "internal") {
    const { id, trace } = request.scope ?? {};
    logger.error({ request: id, ...traceFields(trace?.header), err: error }, "Request failed");
  }
  if (error.code === "payload_too_large") takeTheRest(request, reply);
  if (error.code === "unauthenticated") reply.header("www-authenticate", "Bearer");
  const retryAfterMs = (error instanceof ApiError ? error.retryAfterMs : undefined) ?? admission.retryAfterMs;
  if (retryable && http !== 502) reply.header("retry-after", Math.ceil(retryAfterMs / 1000));
  return reply.code(http).send(errorBody(error));
}

/**
 * A client that is still sending would lose the answer if the connection closed now: the rest is read and dropped,
 * within the time that a request may take to arrive.
 */
function takeTheRest(request: FastifyRequest, reply: FastifyReply): void {
  reply.removeHeader("connection");
  request.raw.resume();
}

/** Fastify's own errors in our words; anything else unknown is an internal error whose message stays here. */
function errorOf(reason: FastifyError | BatonError, maxBodyBytes: number): BatonError {
  switch (reason.code) {
    case "FST_ERR_CTP_BODY_TOO_LARGE":
      return new BatonError(
        "payload_too_large",
        `Cannot read the request body: it is too large, expected at most ${maxBodyBytes} bytes`,
      );
    case "FST_ERR_CTP_EMPTY_JSON_BODY":
    case "FST_ERR_CTP_INVALID_CONTENT_LENGTH":
      return new BatonError("invalid_argument", `Cannot read the request body: ${reason.message}`);
    default:
      break;
  }
  if (reason.name === "BatonError") return BatonError.from(reason);
  if ("statusCode" in reason && reason.statusCode !== undefined && reason.statusCode < 500) {
    return new BatonError("invalid_argument", `Cannot read the request: ${reason.message}`, {
      cause: reason,
    });
  }
  return new BatonError("internal", "Cannot answer the request: an internal error occurred", {
    cause: reason,
  });
}

/** 405 where the path exists with another method, else 404. */
function noRoute(method: string, path: string, allowed: readonly string[]): BatonError {
  if (allowed.length === 0) {
    return new BatonError("not_found", `Cannot find "${method} ${path}": there is no such path`);
  }
  const message = `Cannot use ${method} on "${path}": expected ${allowed.join(" or ")}`;
  return new BatonError("method_not_allowed", message);
}
