/** `GET /health_generate`, as SGLang has it: whether a request gets a token now, by asking for one. */
import { BatonError } from "@baton/core";
import type { FastifyInstance } from "fastify";

/** Longest time to a token, in ms. */
const TIMEOUT_MS = 10_000;

export interface HealthGenerateParts {
  /** Sends a small request through workers that would be chosen now. Rejects with what failed. */
  readonly probe: (timeoutMs: number) => Promise<void>;
  readonly stopping: () => boolean;
}

/** Whoever asks while somebody else does gets the same answer: asking often costs no more than asking once. */
export function addHealthGenerate(app: FastifyInstance, { probe, stopping }: HealthGenerateParts): void {
  let running: Promise<void> | undefined;
  app.get("/health_generate", { config: { open: true } }, async (_request, reply) => {
    if (stopping()) return reply.code(503).send({ status: "stopping" });
    running ??= probe(TIMEOUT_MS).finally(() => {
      running = undefined;
    });
    try {
      await running;
      return { status: "healthy" };
    } catch (reason) {
      const { code, message } = BatonError.from(reason);
      return reply.code(503).send({ status: "unhealthy", code, reason: message });
    }
  });
}
