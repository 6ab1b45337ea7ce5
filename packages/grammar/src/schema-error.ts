import { BatonError } from "@baton/core";

/** What is wrong with a schema, and where: `path` is that of the keyword in the request. */
export function schemaError(path: string, problem: string): BatonError {
  return new BatonError("invalid_argument", `Cannot use "${path}": ${problem}`, { param: path });
}
