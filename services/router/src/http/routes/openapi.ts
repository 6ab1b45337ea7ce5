/** `GET /openapi.json`: the document of this API. */
import type { FastifyInstance } from "fastify";
import { type DocumentedRoute, openApiDocument } from "../openapi/document.ts";

/** To be called before all other routes are added: it notes them. @param version of Baton */
export function addOpenApi(app: FastifyInstance, version: string): void {
  const routes: DocumentedRoute[] = [];
  app.addHook("onRoute", ({ method, url, config }) => {
    for (const each of [method].flat()) {
      if (each === "OPTIONS") continue;
      const { traced = false, admin = false } = config ?? {};
      routes.push({ method: each, path: url, traced, admin });
    }
  });
  let document: object | undefined;
  app.get("/openapi.json", () => {
    document ??= openApiDocument(routes, version);
    return document;
  });
}
