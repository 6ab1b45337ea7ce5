/** One message of a chat. */
import { z } from "zod";
import type { NeutralValues } from "./neutral-values.ts";

const textPart = z.strictObject({ type: z.literal("text"), text: z.string() });

/** Content is text, or text in parts, which are joined. */
const content = z.union([z.string(), z.array(textPart).min(1)], {
  error: "a string or an array of text parts",
});

/** A call that the assistant made; templates want its arguments as an object. */
const toolCall = z.strictObject({
  id: z.string().min(1).max(256),
  type: z.literal("function"),
  function: z.strictObject({
    name: z.string().min(1).max(64),
    arguments: z.string().transform((text, context): Record<string, unknown> => {
      const value = parsed(text === "" ? "{}" : text);
      if (typeof value === "object" && value !== null && !Array.isArray(value)) return { ...value };
      context.addIssue("a JSON object, as text");
      return z.NEVER;
    }),
  }),
});

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const messageFields = z.object({
  role: z.enum(["system", "developer", "user", "assistant", "tool"]),
  content: content
    .nullish()
    .transform((value) => (Array.isArray(value) ? value.map((part) => part.text).join("") : value)),
  tool_calls: z.array(toolCall).max(128).nullish(),
  tool_call_id: z.string().min(1).max(256).nullish(),
});

export const chatMessage = messageFields.transform(
  ({ role, content: text, tool_calls: calls, tool_call_id: id }, context) => {
    const refuse = (field: string, expected: string) =>
      context.addIssue({ code: "custom", path: [field], message: expected });
    const isCalling = role === "assistant" && calls != null && calls.length > 0;
    if (text == null && !isCalling) refuse("content", "a string or an array of text parts");
    if (calls?.length && role !== "assistant") refuse("tool_calls", "it only with the role assistant");
    if ((id == null) === (role === "tool"))
      refuse("tool_call_id", "the id of a call with the role tool, and only there");
    return {
      role,
      content: text ?? "",
      ...(isCalling && { tool_calls: calls }),
      ...(id != null && { tool_call_id: id }),
    };
  },
);

export const CHAT_MESSAGE_FIELDS: ReadonlySet<string> = new Set(Object.keys(messageFields.shape));

/** What clients send back when they append our own answer to the conversation. */
export const CHAT_MESSAGE_NEUTRAL: NeutralValues = {
  refusal: [],
  annotations: [[]],
  audio: [],
  function_call: [],
  name: [],
};
