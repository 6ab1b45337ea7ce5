/** The chat template of a model: a Jinja program in tokenizer_config.json that turns messages into a prompt. */
import { BatonError } from "@baton/core";
import { Template } from "@huggingface/jinja";
import { tokenText } from "./token-text.ts";

/** One turn of a conversation. */
export interface ChatMessage {
  /** `system`, `user` or `assistant` for most models; the template decides. */
  readonly role: string;
  readonly content: string;
}

/** Turns a conversation into a prompt. @throws BatonError `invalid_argument` (param `messages`) when it refuses. */
export type ChatTemplate = (messages: readonly ChatMessage[]) => string;

const TOKEN_NAMES = ["bos_token", "eos_token", "pad_token", "unk_token"] as const;

/**
 * The template of a tokenizer_config.json; undefined when it has none. Of several named ones, `default` counts.
 * @throws BatonError `invalid_argument` when the template is not valid Jinja.
 */
export function readChatTemplate(
  tokenizerConfig: Readonly<Record<string, unknown>>,
): ChatTemplate | undefined {
  const source = templateSource(tokenizerConfig.chat_template);
  if (source === undefined) return undefined;
  const template = parse(source);
  const tokens = Object.fromEntries(
    TOKEN_NAMES.map((name) => [name, tokenText(tokenizerConfig[name]) ?? ""]),
  );
  return (messages) => render(template, { ...tokens, messages, add_generation_prompt: true });
}

function templateSource(chatTemplate: unknown): string | undefined {
  if (typeof chatTemplate === "string") return chatTemplate;
  if (!Array.isArray(chatTemplate)) return undefined;
  const named = chatTemplate as readonly { readonly name?: unknown; readonly template?: unknown }[];
  const template = named.find(({ name }) => name === "default")?.template;
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
