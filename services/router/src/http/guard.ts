/** Asks every call who makes it, before anything is made for it, and counts what each key uses. */
import { BatonError, type Logger, RateLimitedWarning, systemClock } from "@baton/core";
import type { FastifyInstance, FastifyRequest } from "fastify";
import type { ApiKey, KeyLimits } from "../access/api-key.ts";
import { type AccessRules, type Audience, authorize } from "../access/authorize.ts";
import { KeyUsage } from "../access/key-usage.ts";
import { syncHook } from "./sync-hook.ts";

declare module "fastify" {
  interface FastifyRequest {
    /** The client's key, where the router asks for keys and the route for one. */
    apiKey: ApiKey | undefined;
  }
  interface FastifyContextConfig {
    /** The route is for the cluster's operators, not for those who ask for generations. */
    readonly admin?: true;
    /** The route is for everybody: a probe, or what Prometheus scrapes. */
    readonly open?: true;
  }
}

export interface GuardOptions extends AccessRules {
  /** Of every key that has none of its own. */
  readonly keyLimits: KeyLimits;
  /** The port that a request came to. */
  readonly portOf: (request: FastifyRequest) => "api" | "admin";
  /** Told of calls that are refused, at most once a second. */
  readonly logger: Logger;
}

/** Refuses calls that may not be made. Nothing of them is traced, and little logged: whoever has no key fills no disk. */
export function guard(app: FastifyInstance, options: GuardOptions): void {
  const warning = new RateLimitedWarning(options.logger, systemClock);
  app.decorateRequest("apiKey", undefined);
  app.addHook(
    "onRequest",
    syncHook((request) => {
      const port = options.portOf(request);
      const name = `${request.method} ${request.url.split("?")[0]}`;
      const { headers } = request;
      try {
        request.apiKey = authorize({ name, port, audience: audienceOf(request, port), headers }, options);
      } catch (reason) {
        const { code, message } = BatonError.from(reason);
        warning.warn({ peer: request.ip, code }, message);
        throw reason;
      }
    }),
  );
}

/** Holds clients to the limits of their keys; a request above one has a trace like any that is refused. */
export function limitKeys(app: FastifyInstance, { keys, keyLimits }: GuardOptions): void {
  const usages = new Map(keys.map((key) => [key, new KeyUsage(key, keyLimits, systemClock)]));
  app.addHook(
    "onRequest",
    syncHook(({ apiKey, scope }, reply) => {
      const running = apiKey && usages.get(apiKey)?.begin();
      if (!running) return;
      reply.raw.once("close", () => running.end());
      scope?.meter((tokens) => running.used(tokens));
    }),
  );
}

/** A path that does not exist is told to those who may use the port, and to nobody else. */
function audienceOf(request: FastifyRequest, port: "api" | "admin"): Audience {
  const { open, admin } = request.routeOptions.config;
  if (request.is404) return port === "admin" ? "operators" : "clients";
  if (open) return "everybody";
  return admin ? "operators" : "clients";
}
