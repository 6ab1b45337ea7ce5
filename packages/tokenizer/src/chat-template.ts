/** The chat template of a model: a Jinja program in tokenizer_config.json that turns messages into a prompt. */
import { BatonError } from "@baton/core";
import { Template } from "@huggingface/jinja";
import { tokenText } from "./token-text.ts";

/** One turn of a conversation. */
export interface ChatMessage {
  /** `system`, `user`, `assistant` or `tool` for most models; the template decides. */
  readonly role: string;
  readonly content: string;
  /** What the assistant called in this turn, as templates read it. */
  readonly tool_calls?: readonly ChatToolCall[];
  /** Of role `tool`: the call that this is the result of. */
  readonly tool_call_id?: string;
}

export interface ChatToolCall {
  readonly id: string;
  readonly type: "function";
  readonly function: { readonly name: string; readonly arguments: Readonly<Record<string, unknown>> };
}

/** A function that the model may call, as OpenAI's API and templates write it. */
export interface ChatTool {
  readonly type: "function";
  readonly function: {
    readonly name: string;
    readonly description?: string | undefined;
    readonly parameters?: Readonly<Record<string, unknown>> | undefined;
  };
}

/** How a family of models writes its calls; `undefined`: its template knows of no tools. */
export type ToolFormat = "hermes" | "llama" | "mistral";

/** A model's template. */
export interface ChatTemplate {
  readonly toolFormat: ToolFormat | undefined;
  /** Turns a conversation into a prompt. @throws BatonError `invalid_argument` (param `messages`) when it refuses. */
  render(messages: readonly ChatMessage[], tools: readonly ChatTool[]): string;
}

const TOKEN_NAMES = ["bos_token", "eos_token", "pad_token", "unk_token"] as const;

/**
 * The template of a tokenizer_config.json; undefined when it has none. Of several named ones, `default` counts, and
 * `tool_use` for conversations with tools.
 * @throws BatonError `invalid_argument` when the template is not valid Jinja.
 */
export function readChatTemplate(
  tokenizerConfig: Readonly<Record<string, unknown>>,
): ChatTemplate | undefined {
  const source = templateSource(tokenizerConfig.chat_template, "default");
  if (source === undefined) return undefined;
  const toolSource = templateSource(tokenizerConfig.chat_template, "tool_use") ?? source;
  const template = parse(source);
  const toolTemplate = toolSource === source ? template : parse(toolSource);
  const tokens = Object.fromEntries(
    TOKEN_NAMES.map((name) => [name, tokenText(tokenizerConfig[name]) ?? ""]),
  );
  const variables = { ...tokens, add_generation_prompt: true };
  return {
    toolFormat: toolFormatOf(toolSource),
    render: (messages, tools) =>
      tools.length === 0
        ? render(template, { ...variables, messages })
        : render(toolTemplate, { ...variables, messages, tools }),
  };
}

/** By what the template writes of calls in earlier turns, or tells the model to write. */
function toolFormatOf(source: string): ToolFormat | undefined {
  if (!/\btools\b/.test(source)) return undefined;
  if (source.includes("[TOOL_CALLS]")) return source.includes("[ARGS]") ? undefined : "mistral";
  if (source.includes("<tool_call>")) return source.includes("<function=") ? undefined : "hermes";
  return source.includes('"parameters":') && source.includes("ipython") ? "llama" : undefined;
}

function templateSource(chatTemplate: unknown, wanted: string): string | undefined {
  if (typeof chatTemplate === "string") return chatTemplate;
  if (!Array.isArray(chatTemplate)) return undefined;
  const named = chatTemplate as readonly { readonly name?: unknown; readonly template?: unknown }[];
  const template = named.find(({ name }) => name === wanted)?.template;
  return typeof template === "string" ? template : undefined;
}

function parse(source: string): Template {
  try {
    return new Template(source);
  } catch (cause) {
    const reason = (cause as Error).message;
    throw new BatonError("invalid_argument", `Cannot read the chat template: ${reason}`, { cause });
  }
}

function render(template: Template, variables: Record<string, unknown>): string {
  try {
    return template.render(variables);
  } catch (cause) {
    // Templates refuse conversations by raise_exception, for example when roles do not alternate.
    const reason = (cause as Error).message;
    throw new BatonError(
      "invalid_argument",
      `Cannot build a prompt from messages: the model's chat template says: ${reason}`,
      {
        param: "messages",
        cause,
      },
    );
  }
}
