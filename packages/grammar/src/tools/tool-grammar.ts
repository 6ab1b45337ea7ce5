/** Owns the grammars of answers that call tools, as each family of models writes them. */
import { anyOf, GrammarRules, literal } from "../grammar-rules.ts";
import { jsonSchemaExpression } from "../json-schema.ts";
import type { ToolFormat } from "./tool-call-parser.ts";

/** A function that may be called; without parameters it has none. */
export interface CallableTool {
  readonly name: string;
  readonly parameters?: unknown;
  /** Of `parameters` in the request, for errors. */
  readonly path: string;
}

/** What calls there may be. */
export interface CallRules {
  /** Whether there must be one; else text, or a schema, is an answer too. */
  readonly required: boolean;
  /** Whether there may be several. */
  readonly parallel: boolean;
  /** Path and schema of the answer's text where it calls nothing: `response_format`. */
  readonly otherwise?: { readonly schema: unknown; readonly path: string } | undefined;
}

/**
 * The grammar of answers that call these tools.
 * @throws BatonError `invalid_argument` that names the place of what is wrong or not supported in a schema
 */
export function toolCallGrammar(
  format: ToolFormat,
  tools: readonly CallableTool[],
  { required, parallel, otherwise }: CallRules,
): string {
  const rules = new GrammarRules();
  const key = format === "llama" ? "parameters" : "arguments";
  const objects = tools.map(({ name, parameters, path }) => {
    const schema = parameters ?? { type: "object", properties: {} };
    const head = literal(`{"name": ${JSON.stringify(name)}, "${key}": `);
    return `${head} ${jsonSchemaExpression(rules, schema, path)} "}"`;
  });
  const call = rules.add(anyOf(objects));
  const calls = rules.add(written(format, call, parallel));
  if (required) return rules.text(calls);
  if (otherwise)
    return rules.text(`${calls} | ${jsonSchemaExpression(rules, otherwise.schema, otherwise.path)}`);
  return rules.text(anyText(format, rules, call, parallel));
}

function written(format: ToolFormat, call: string, parallel: boolean): string {
  switch (format) {
    case "hermes": {
      const one = `${literal("<tool_call>\n")} ${call} ${literal("\n</tool_call>")}`;
      return parallel ? `${one} (${literal("\n")} ${one})*` : one;
    }
    case "mistral":
      return `${literal("[TOOL_CALLS][")} ${call} ${parallel ? `(", " ${call})* ` : ""}"]"`;
    case "llama":
      return call;
  }
}

/** Any text; once it opens a call, that call follows its schema. */
function anyText(format: ToolFormat, rules: GrammarRules, call: string, parallel: boolean): string {
  const dispatch = (tag: string, rest: string) =>
    `TagDispatch(("${tag}", ${rules.add(rest)}), stop_eos=true, loop_after_dispatch=${parallel})`;
  if (format === "hermes")
    return dispatch("<tool_call>", `${literal("\n")} ${call} ${literal("\n</tool_call>")}`);
  return dispatch("[TOOL_CALLS]", `"[" ${call} ${parallel ? `(", " ${call})* ` : ""}"]"`);
}
