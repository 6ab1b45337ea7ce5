/** `GET /metrics`: what Prometheus scrapes. */
import type { Metrics } from "@baton/metrics";
import type { FastifyInstance } from "fastify";

export function addMetrics(app: FastifyInstance, metrics: Metrics): void {
  app.get("/metrics", { config: { open: true } }, async (_request, reply) => {
    const { contentType, body } = await metrics.expose();
    return reply.header("content-type", contentType).send(body);
  });
}
