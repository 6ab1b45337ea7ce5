/** What a request's tools mean for its prompt, its grammar and the reading of its answer. */
import { BatonError } from "@baton/core";
import { type CallableTool, jsonSchemaGrammar, type ToolFormat, toolCallGrammar } from "@baton/grammar";
import type { ChatTool } from "@baton/tokenizer";
import type { CompletionCall } from "../pipeline/completion-call.ts";
import type { ChatCompletionRequest } from "./schemas/chat-completion-request.ts";
import { responseSchema } from "./schemas/response-format.ts";

interface ToolCalling extends Pick<CompletionCall, "grammar" | "toolFormat"> {
  /** For the prompt. */
  readonly tools: readonly ChatTool[];
}

/**
 * @param format how the model writes calls; undefined: it does not
 * @throws BatonError `invalid_argument` naming the field at fault
 */
export function toolCalling(request: ChatCompletionRequest, format: ToolFormat | undefined): ToolCalling {
  assertKnownFormat(request, format);
  const choice = request.tool_choice ?? "auto";
  const tools = request.tools ?? [];
  if (tools.length === 0 && choice !== "auto" && choice !== "none") {
    throw invalid("tool_choice", 'expected "tools" beside it');
  }
  if (tools.length === 0 || choice === "none" || !format) {
    const wanted = responseSchema(request.response_format);
    return {
      tools: [],
      grammar: wanted && jsonSchemaGrammar(wanted.schema, wanted.path),
      toolFormat: undefined,
    };
  }
  return {
    tools: tools.map(({ function: { name, description, parameters } }) => ({
      type: "function",
      function: {
        name,
        ...(description != null && { description }),
        parameters: parameters ?? { type: "object", properties: {} },
      },
    })),
    grammar: grammarOf(request, format),
    toolFormat: format,
  };
}

/** Calls that must be are constrained; calls that may be only as far as the request asks for it. */
function grammarOf(request: ChatCompletionRequest, format: ToolFormat): string | undefined {
  const tools = request.tools ?? [];
  const choice = request.tool_choice ?? "auto";
  const parallel = (request.parallel_tool_calls ?? true) && format !== "llama";
  const callable = tools.map(
    ({ function: { name, parameters } }, index): CallableTool => ({
      name,
      parameters: parameters ?? undefined,
      path: `tools[${index}].function.parameters`,
    }),
  );
  if (typeof choice === "object") {
    const named = callable.filter(({ name }) => name === choice.function.name);
    if (named.length === 0) throw invalid("tool_choice", `there is no "${choice.function.name}" in "tools"`);
    return toolCallGrammar(format, named, { required: true, parallel: false });
  }
  if (choice === "required") return toolCallGrammar(format, callable, { required: true, parallel });
  const otherwise = responseSchema(request.response_format);
  if (otherwise) return toolCallGrammar(format, callable, { required: false, parallel, otherwise });
  const strict = tools.findIndex((tool) => tool.function.strict === true);
  if (strict === -1 && request.parallel_tool_calls !== false) return undefined;
  if (format !== "llama") return toolCallGrammar(format, callable, { required: false, parallel });
  if (strict === -1) return undefined; // Its models make one call at a time.
  const problem =
    'this model\'s calls cannot be told from text at their beginning, expected it to be left out or "tool_choice": "required"';
  throw invalid(`tools[${strict}].function.strict`, problem);
}

function assertKnownFormat(request: ChatCompletionRequest, format: ToolFormat | undefined): void {
  if (format) return;
  const problem = "the model's chat template has no tools, or writes calls in a way that is not supported";
  if (request.tools?.length && request.tool_choice !== "none") throw invalid("tools", problem);
  const index = request.messages.findIndex(({ role, tool_calls: calls }) => role === "tool" || calls);
  if (index !== -1) throw invalid(`messages[${index}]`, problem);
}

function invalid(param: string, problem: string): BatonError {
  return new BatonError("invalid_argument", `Cannot use "${param}": ${problem}`, { param });
}
