/** The body of `POST /v1/chat/completions`. */
import { MAX_TOP_LOGPROBS } from "@baton/core";
import { z } from "zod";
import { CHAT_MESSAGE_FIELDS, CHAT_MESSAGE_NEUTRAL, chatMessage } from "./chat-message.ts";
import { type NeutralValues, supportedFields } from "./neutral-values.ts";
import { bodyObject, parseFields } from "./parse-body.ts";
import { responseFormat } from "./response-format.ts";
import { samplingFields } from "./sampling-fields.ts";
import { toolFields } from "./tool-fields.ts";

export const chatCompletionBody = z.object({
  ...samplingFields,
  messages: z.array(chatMessage).min(1),
  max_completion_tokens: z.int().min(1).nullish(),
  logprobs: z.boolean().nullish(),
  top_logprobs: z.int().min(0).max(MAX_TOP_LOGPROBS).nullish(),
  response_format: responseFormat.nullish(),
  ...toolFields,
});

const FIELDS: ReadonlySet<string> = new Set(Object.keys(chatCompletionBody.shape));

const NEUTRAL: NeutralValues = {
  audio: [],
  moderation: [],
  prediction: [],
  prompt_cache_key: [],
  prompt_cache_options: [],
  prompt_cache_retention: [],
  reasoning_effort: [],
  safety_identifier: [],
  verbosity: ["medium"],
  web_search_options: [],
  functions: [[]],
  function_call: ["none", "auto"],
  modalities: [["text"]],
  store: [false],
  service_tier: ["auto", "default"],
};

export type ChatCompletionRequest = z.infer<typeof chatCompletionBody>;

/** @throws BatonError `invalid_argument` naming the field at fault. */
export function parseChatCompletionRequest(body: unknown): ChatCompletionRequest {
  const fields = supportedFields(bodyObject(body), FIELDS, NEUTRAL);
  if (Array.isArray(fields.messages)) fields.messages = fields.messages.map(supportedMessageFields);
  return parseFields(chatCompletionBody, fields);
}

function supportedMessageFields(message: unknown, index: number): unknown {
  if (typeof message !== "object" || message === null || Array.isArray(message)) return message;
  return supportedFields(message, CHAT_MESSAGE_FIELDS, CHAT_MESSAGE_NEUTRAL, `messages[${index}].`);
}
