/** Special tokens that are part of an answer's text, because tool calls are told by them. */
export const CALL_MARKERS: ReadonlySet<string> = new Set([
  "<tool_call>",
  "</tool_call>",
  "<|python_tag|>",
  "[TOOL_CALLS]",
]);
