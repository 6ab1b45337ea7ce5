/** The document of the API in OpenAPI 3.1, made from the routes that there are and the schemas that validate. */
import { z } from "zod";
import { errorAnswer } from "./answers.ts";
import { OPERATIONS, type Operation } from "./operations.ts";

/** A route as the server has it. */
export interface DocumentedRoute {
  readonly method: string;
  readonly path: string;
  /** Asks for a generation. */
  readonly traced: boolean;
  readonly admin: boolean;
}

const ERROR = { "application/json": { schema: { $ref: "#/components/schemas/Error" } } };

/** A route that nobody has described yet is there all the same. */
const UNDESCRIBED: Operation = { summary: "", answer: z.looseObject({}) };

/** What may become of a request for a generation. */
const GENERATION_ERRORS: Readonly<Record<number, string>> = {
  404: "The model is not served",
  413: "The body is too large",
  429: "Every worker and the queue are full; Retry-After says when to come back",
  499: "The request was aborted",
  502: "A worker was lost, and no other could go on",
  503: "Nobody serves now; Retry-After says when to come back",
  504: "The deadline passed",
};

/** @param version of Baton */
export function openApiDocument(routes: readonly DocumentedRoute[], version: string): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const route of routes) {
    const operation = OPERATIONS[`${route.method} ${route.path}`] ?? UNDESCRIBED;
    const path = route.path.replace(/:(\w+)/g, "{$1}").replace("*", "{name}");
    paths[path] ??= {};
    paths[path][route.method.toLowerCase()] = operationObject(route, path, operation);
  }
  return {
    openapi: "3.1.0",
    info: { title: "Baton", version, license: { name: "Apache-2.0", identifier: "Apache-2.0" } },
    servers: [{ url: "/" }],
    tags: [
      { name: "generation", description: "Answers of the model" },
      { name: "operation", description: "For the cluster's operators" },
      { name: "information", description: "What is served, and how it is" },
    ],
    security: [{}, { key: [] }],
    paths,
    components: {
      schemas: { Error: jsonSchema(errorAnswer, "output") },
      securitySchemes: { key: { type: "http", scheme: "bearer" } },
    },
  };
}

function operationObject(
  { method, traced, admin }: DocumentedRoute,
  path: string,
  operation: Operation,
): object {
  const { summary, body, bodyOptional, query = {} } = operation;
  return {
    operationId: `${method.toLowerCase()}${path.replace(/[^a-z]+/gi, "_").replace(/_$/, "")}`,
    summary,
    tags: [traced ? "generation" : admin ? "operation" : "information"],
    parameters: [...pathParameters(path), ...queryParameters(query)],
    ...(body && {
      requestBody: {
        required: !bodyOptional,
        content: { "application/json": { schema: jsonSchema(body, "input") } },
      },
    }),
    responses: { 200: goodAnswer(traced, operation), ...badAnswers(traced, operation) },
  };
}

function goodAnswer(traced: boolean, { answer, type = "application/json" }: Operation): object {
  const content = { [type]: { schema: jsonSchema(answer, "output") } };
  if (!traced) return { description: "What was asked for", content };
  return {
    description:
      "The answer; with `stream`, server-sent events of its parts and `[DONE]`, or an error at the end",
    content: { ...content, "text/event-stream": { schema: { type: "string" } } },
  };
}

function badAnswers(traced: boolean, { body, also = {} }: Operation): object {
  const errors = {
    ...(body && { 400: "A field is not as it should be: `param` names it" }),
    ...(traced && GENERATION_ERRORS),
    ...also,
    default: "An error, by its HTTP status: 401 and 403 where keys are asked for",
  };
  return Object.fromEntries(
    Object.entries(errors).map(([status, description]) => [status, { description, content: ERROR }]),
  );
}

function pathParameters(path: string): readonly object[] {
  return [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: "path",
    required: true,
    schema: { type: "string" },
  }));
}

function queryParameters(query: Readonly<Record<string, z.ZodType>>): readonly object[] {
  return Object.entries(query).map(([name, schema]) => ({
    name,
    in: "query",
    schema: jsonSchema(schema, "input"),
  }));
}

function jsonSchema(schema: z.ZodType, io: "input" | "output"): object {
  const { $schema: _dialect, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: "any" });
  return rest;
}
