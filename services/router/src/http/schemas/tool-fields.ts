/** `tools` and what goes with them. */
import { z } from "zod";

const MAX_TOOLS = 128;
const functionName = z.string().regex(/^[a-zA-Z0-9_-]{1,64}$/, "a name of 1 to 64 letters, digits, _ and -");

const tool = z.strictObject({
  type: z.literal("function"),
  function: z.strictObject({
    name: functionName,
    description: z.string().nullish(),
    /** A JSON schema. */
    parameters: z.record(z.string(), z.unknown()).nullish(),
    /** Whether arguments must be valid in the schema; with `tool_choice` of a call they always are. */
    strict: z.boolean().nullish(),
  }),
});

const namedTool = z.strictObject({
  type: z.literal("function"),
  function: z.strictObject({ name: functionName }),
});

export const toolFields = {
  tools: z.array(tool).max(MAX_TOOLS).nullish(),
  tool_choice: z
    .union([z.enum(["none", "auto", "required"]), namedTool], {
      error: '"none", "auto", "required" or {"type": "function", "function": {"name": …}}',
    })
    .nullish(),
  parallel_tool_calls: z.boolean().nullish(),
};
