/** One message of a chat. */
import { z } from "zod";
import type { NeutralValues } from "./neutral-values.ts";

const textPart = z.strictObject({ type: z.literal("text"), text: z.string() });

/** Content is text, or text in parts, which are joined. */
const content = z.union([z.string(), z.array(textPart).min(1)], {
  error: "a string or an array of text parts",
});

export const chatMessage = z.object({
  role: z.enum(["system", "developer", "user", "assistant"]),
  content: content.transform((value) =>
    typeof value === "string" ? value : value.map((part) => part.text).join(""),
  ),
});

export const CHAT_MESSAGE_FIELDS: ReadonlySet<string> = new Set(Object.keys(chatMessage.shape));

/** What clients send back when they append our own answer to the conversation. */
export const CHAT_MESSAGE_NEUTRAL: NeutralValues = {
  refusal: [],
  annotations: [[]],
  audio: [],
  function_call: [],
  tool_calls: [[]],
  name: [],
};
