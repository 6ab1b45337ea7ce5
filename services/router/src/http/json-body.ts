/** Every body is read as JSON, whatever its content type says: the API knows nothing else, and clients forget the header. */
import { BatonError } from "@baton/core";
import type { FastifyInstance } from "fastify";

export function parseJsonBodies(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", { parseAs: "string" }, async (_request: unknown, body: string) =>
    parseJson(body),
  );
}

function parseJson(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch (cause) {
    throw new BatonError(
      "invalid_argument",
      `Cannot read the request body: it is not JSON: ${(cause as Error).message}`,
      { cause },
    );
  }
}
