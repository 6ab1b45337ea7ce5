/** `POST /generate`, SGLang's native endpoint. */
import type { FastifyInstance } from "fastify";
import { generateFormat } from "../generate-format.ts";
import { generateCallOf, parseGenerateRequest } from "../schemas/generate-request.ts";
import { type CompletionParts, type ParsedCompletion, serveCompletion } from "../serve-completion.ts";

export function addGenerate(app: FastifyInstance, parts: CompletionParts): void {
  app.post("/generate", { config: { traced: true, idField: "rid" } }, (request, reply) => {
    const { id, figures } = request.scope!;
    const arrival = { id, elapsedMs: () => figures.split().totalMs };
    return serveCompletion(request, reply, parts, (body) => parse(body, parts.model.name, arrival));
  });
}

function parse(
  body: unknown,
  model: string,
  arrival: { readonly id: string; readonly elapsedMs: () => number },
): ParsedCompletion {
  const request = parseGenerateRequest(body);
  const call = generateCallOf(request, model);
  const { topLogprobs: top } = call;
  return {
    call,
    format: generateFormat({
      ...arrival,
      several: Array.isArray(request.text) || Array.isArray(request.input_ids?.[0]) || call.n > 1,
      ...(top !== undefined && { logprobs: { top, text: request.return_text_in_logprobs ?? false } }),
    }),
    stream: request.stream ?? false,
    includeUsage: false,
    includeTiming: false,
    user: undefined,
  };
}
