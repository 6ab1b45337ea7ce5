export { jsonObjectGrammar, jsonSchemaGrammar } from "./answer-grammar.ts";
