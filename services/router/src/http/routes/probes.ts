/** `GET /health`, `/liveness` and `/readiness`: for people, and for whatever starts and stops routers. */
import type { Availability } from "@baton/routing";
import type { FastifyInstance } from "fastify";

/** Whoever probes has no key. */
const OPEN = { config: { open: true } } as const;

export interface ProbeParts {
  /** Whether a request could be served now. */
  readonly availability: () => Availability;
  /** Whether the router is about to stop. */
  readonly stopping: () => boolean;
  /** Workers that are there and cannot serve here; `GET /workers` says why. */
  readonly refusedWorkers: () => number;
}

export function addProbes(app: FastifyInstance, parts: ProbeParts): void {
  /** The process runs its event loop; nothing else is looked at, so that a missing worker never restarts a router. */
  app.get("/liveness", OPEN, () => ({ status: "alive" }));
  app.get("/readiness", OPEN, (_request, reply) => {
    const readiness = readinessOf(parts);
    reply.code(readiness.status === "ready" ? 200 : 503);
    return readiness;
  });
  /** The same answer as readiness in its body, but always 200: for looking at. */
  app.get("/health", OPEN, () => readinessOf(parts));
}

function readinessOf({ availability, stopping, refusedWorkers }: ProbeParts) {
  if (stopping()) return { status: "stopping" };
  const now = availability();
  if (now.kind !== "unavailable") return { status: "ready", mode: now.kind };
  const refused = refusedWorkers();
  const missing = now.missing.map((role) => `${role} worker`);
  return { status: "not_ready", missing, ...(refused > 0 && { refused_workers: refused }) };
}
