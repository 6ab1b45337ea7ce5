/** `response_format`: what the text of an answer must look like. */
import { jsonObjectGrammar, jsonSchemaGrammar } from "@baton/grammar";
import { z } from "zod";

export const responseFormat = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("text") }),
  z.strictObject({ type: z.literal("json_object") }),
  z.strictObject({
    type: z.literal("json_schema"),
    json_schema: z.strictObject({
      /** The client's name for the schema; the model is not told. */
      name: z.string().min(1).max(64),
      description: z.string().nullish(),
      schema: z.record(z.string(), z.unknown()),
      /** Answers follow the schema whether they are to or not. */
      strict: z.boolean().nullish(),
    }),
  }),
]);

/** @throws BatonError `invalid_argument` naming the place in the schema that is wrong or not supported */
export function responseGrammar(
  format: z.infer<typeof responseFormat> | null | undefined,
): string | undefined {
  switch (format?.type) {
    case "json_object":
      return jsonObjectGrammar();
    case "json_schema":
      return jsonSchemaGrammar(format.json_schema.schema, "response_format.json_schema.schema");
    default:
      return undefined;
  }
}
