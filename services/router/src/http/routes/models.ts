/** `GET /v1/models` and `GET /v1/models/{id}`. */
import type { FastifyInstance } from "fastify";
import type { ModelIdentity } from "../answer-format.ts";
import { modelNotFound } from "../serve-completion.ts";

/** @param created epoch seconds: when this router began to serve the model */
export function addModels(app: FastifyInstance, model: ModelIdentity, created: number): void {
  const object = { id: model.name, object: "model", created, owned_by: "baton" };
  app.get("/v1/models", () => ({ object: "list", data: [object] }));
  // A wildcard, because a model's name may contain slashes.
  app.get<{ Params: { "*": string } }>("/v1/models/*", (request) => {
    const id = request.params["*"];
    if (id !== model.name) throw modelNotFound(id, model.name);
    return object;
  });
}
