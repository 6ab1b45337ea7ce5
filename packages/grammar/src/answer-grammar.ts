/** Owns the grammars of answers that are JSON. */
import { GrammarRules } from "./grammar-rules.ts";
import { jsonSchemaExpression } from "./json-schema.ts";

/**
 * Answers that are valid in a JSON schema.
 * @param path of the schema in the request, for errors
 * @throws BatonError `invalid_argument` that names the place of what is wrong or not supported
 */
export function jsonSchemaGrammar(schema: unknown, path: string): string {
  const rules = new GrammarRules();
  return rules.text(jsonSchemaExpression(rules, schema, path));
}
