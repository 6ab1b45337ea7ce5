/** From parsed JSON to a typed request, or an error that names the field, what it is and what it should be. */
import { BatonError } from "@baton/core";
import type { z } from "zod";
import { describeIssue } from "./describe-issue.ts";

/** The body as an object. @throws BatonError `invalid_argument` */
export function bodyObject(body: unknown): object {
  if (typeof body === "object" && body !== null && !Array.isArray(body)) return body;
  throw new BatonError("invalid_argument", "Cannot read the request body: expected a JSON object");
}

/** @throws BatonError `invalid_argument` whose `param` is the first field at fault. */
export function parseFields<T>(schema: z.ZodType<T>, fields: unknown): T {
  const result = schema.safeParse(fields);
  if (result.success) return result.data;
  const issue = deepest(result.error.issues[0] as z.core.$ZodIssue);
  if (issue.code === "unrecognized_keys" && issue.path.length === 0) throw unknownField(issue.keys[0]!);
  const param = formatPath(issue.path);
  const found = issue.path.reduce(
    (value, key) => (value as Record<PropertyKey, unknown> | null | undefined)?.[key],
    fields,
  );
  throw new BatonError("invalid_argument", `Cannot use "${param}": ${describeIssue(issue, found)}`, {
    param,
  });
}

function unknownField(param: string): BatonError {
  return new BatonError(
    "invalid_argument",
    `Cannot use "${param}": there is no such parameter, expected it to be left out`,
    { param },
  );
}

/** A union reports one list of issues per option; the option that got furthest into the value is the one meant. */
function deepest(issue: z.core.$ZodIssue): z.core.$ZodIssue {
  if (issue.code !== "invalid_union" || issue.errors.length === 0) return issue;
  const options = issue.errors.map((issues) => deepest(issues[0] as z.core.$ZodIssue));
  const best = options.reduce((a, b) => (depth(b) > depth(a) ? b : a));
  return depth(best) > 0 ? { ...best, path: [...issue.path, ...best.path] } : issue;
}

/** An option that liked the type of the value, and only not its size, is as good as one step into it. */
function depth({ code, path }: z.core.$ZodIssue): number {
  return path.length + (code === "too_small" || code === "too_big" ? 1 : 0);
}

/** `["messages", 0, "content"]` is `messages[0].content`. */
function formatPath(path: readonly PropertyKey[]): string {
  return path
    .map((part, index) => (typeof part === "number" ? `[${part}]` : `${index > 0 ? "." : ""}${String(part)}`))
    .join("");
}
