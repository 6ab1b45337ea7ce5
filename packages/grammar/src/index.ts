export { jsonSchemaGrammar } from "./answer-grammar.ts";
export type { CallEvent } from "./tools/call-reader.ts";
export { ToolCallParser, type ToolFormat } from "./tools/tool-call-parser.ts";
export { type CallableTool, type CallRules, toolCallGrammar } from "./tools/tool-grammar.ts";
