/** What is wrong with a value, in Baton's grammar: what it is, what it should be. */
import type { z } from "zod";

/** Longest value that is repeated in an error. */
const MAX_SHOWN = 60;

const NOUNS: Readonly<Record<string, string>> = {
  int: "an integer",
  number: "a number",
  string: "a string",
  boolean: "a boolean",
  array: "an array",
  object: "an object",
};

/** @param found the value at the issue's path */
export function describeIssue(issue: z.core.$ZodIssue, found: unknown): string {
  if (found === undefined) return "it is missing, expected a value";
  return `got ${show(found)}, expected ${expectation(issue)}`;
}

function expectation(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case "invalid_type":
      return NOUNS[issue.expected] ?? issue.expected;
    case "too_small":
      return `${issue.inclusive ? "at least" : "more than"} ${amount(issue.minimum, issue.origin)}`;
    case "too_big":
      return `at most ${amount(issue.maximum, issue.origin)}`;
    case "invalid_value":
      return issue.values.map((value) => JSON.stringify(value)).join(" or ");
    case "invalid_key":
      return issue.issues[0]?.message ?? issue.message;
    case "unrecognized_keys":
      return `no "${issue.keys[0]}" in it`;
    default:
      return issue.message;
  }
}

/** A size of text or of a list has a unit, a number has none. */
function amount(count: number | bigint, origin: string): string {
  if (origin === "string") return `${count} ${count === 1 ? "character" : "characters"}`;
  if (origin === "array") return `${count} ${count === 1 ? "entry" : "entries"}`;
  return String(count);
}

/** The value, or what kind of value it is where it is long. */
function show(value: unknown): string {
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (typeof value === "object" && value !== null) return "an object";
  if (typeof value === "string" && value.length > MAX_SHOWN) return `a string of ${value.length} characters`;
  return JSON.stringify(value);
}
