/** `response_format`: what the text of an answer must look like. */
import { z } from "zod";

export const responseFormat = z.discriminatedUnion(
  "type",
  [
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
  ],
  {
    error: ({ code }) => (code === "invalid_union" ? '"text" or "json_object" or "json_schema"' : undefined),
  },
);

type ResponseFormat = z.infer<typeof responseFormat> | null | undefined;

/** The schema that an answer is to be valid in, where it is to be JSON, and its path in the request. */
export function responseSchema(format: ResponseFormat): { schema: unknown; path: string } | undefined {
  switch (format?.type) {
    case "json_object":
      return { schema: { type: "object" }, path: "response_format" };
    case "json_schema":
      return { schema: format.json_schema.schema, path: "response_format.json_schema.schema" };
    default:
      return undefined;
  }
}
