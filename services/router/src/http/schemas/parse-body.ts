/** From parsed JSON to a typed request, or an error that names the field. */
import { BatonError } from "@baton/core";
import type { z } from "zod";

/** The body as an object. @throws BatonError `invalid_argument` */
export function bodyObject(body: unknown): object {
  if (typeof body === "object" && body !== null && !Array.isArray(body)) return body;
  throw new BatonError("invalid_argument", "Cannot read the request body: expected a JSON object");
}

/** @throws BatonError `invalid_argument` whose `param` is the first field at fault. */
export function parseFields<T>(schema: z.ZodType<T>, fields: unknown): T {
  const result = schema.safeParse(fields);
  if (result.success) return result.data;
  const issue = deepest(result.error.issues[0] as Issue);
  const param = formatPath(issue.path);
  throw new BatonError("invalid_argument", `Cannot use "${param}": ${describe(issue)}`, { param });
}

type Issue = z.core.$ZodIssue;

/** A union reports one list of issues per option; the option that got furthest into the value is the one meant. */
function deepest(issue: Issue): Issue {
  if (issue.code !== "invalid_union" || issue.errors.length === 0) return issue;
  const options = issue.errors.map((issues) => deepest(issues[0] as Issue));
  const best = options.reduce((a, b) => (b.path.length > a.path.length ? b : a));
  if (best.path.length === 0) return issue;
  return { ...best, path: [...issue.path, ...best.path] };
}

function describe(issue: Issue): string {
  if (issue.code === "invalid_type" && issue.message.endsWith("received undefined")) return "it is required";
  return issue.message.replace(/^Invalid input: /, "");
}

/** `["messages", 0, "content"]` is `messages[0].content`. */
function formatPath(path: readonly PropertyKey[]): string {
  return path
    .map((part, index) => (typeof part === "number" ? `[${part}]` : `${index > 0 ? "." : ""}${String(part)}`))
    .join("");
}
