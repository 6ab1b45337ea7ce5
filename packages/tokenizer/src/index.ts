export { CALL_MARKERS } from "./call-markers.ts";
export type { ChatMessage, ChatTool, ChatToolCall, ToolFormat } from "./chat-template.ts";
export { createDetokenizer, type Detokenizer, type DetokenizerOptions } from "./detokenizer.ts";
export { createStopMatcher, type StopMatch, type StopMatcher } from "./stop-matcher.ts";
export { loadTokenizer, type Tokenizer, type TokenizerFiles } from "./tokenizer.ts";
export { pieceBytes, readVocabulary, type Vocabulary } from "./vocabulary.ts";
