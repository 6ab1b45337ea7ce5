/** Owns the grammars that `response_format` asks for. */
import { GrammarRules } from "./grammar-rules.ts";
import { anyObject } from "./json-rules.ts";
import { jsonSchemaExpression } from "./json-schema.ts";

/** Answers that are any JSON object. */
export function jsonObjectGrammar(): string {
  const rules = new GrammarRules();
  return rules.text(anyObject(rules));
}

/**
 * Answers that are valid in a JSON schema.
 * @param path of the schema in the request, for errors
 * @throws BatonError `invalid_argument` that names the place of what is wrong or not supported
 */
export function jsonSchemaGrammar(schema: unknown, path: string): string {
  const rules = new GrammarRules();
  return rules.text(jsonSchemaExpression(rules, schema, path));
}
