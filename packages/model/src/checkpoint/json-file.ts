/** Reads the JSON files of a model folder; every problem becomes a BatonError that names the file and the field. */
import { access, readFile } from "node:fs/promises";
import { BatonError, isBatonError } from "@baton/core";
import type { z } from "zod";

/**
 * Reads and validates a JSON file.
 * @throws BatonError `not_found` when there is no such file, `invalid_argument` when it is not what `schema` says.
 */
export async function readJsonFile<T>(path: string, schema: z.ZodType<T>): Promise<T> {
  const json = parseJson(path, await readText(path));
  const result = schema.safeParse(json);
  if (result.success) return result.data;
  const problems = result.error.issues.map((issue) => describeIssue(issue, json)).join("; ");
  throw new BatonError("invalid_argument", `Cannot read "${path}": ${problems}`);
}

/** The error for a file that could not be opened or read. */
export function fileError(path: string, cause: unknown): BatonError {
  const code = (cause as NodeJS.ErrnoException).code;
  if (code === "ENOENT" || code === "ENOTDIR") {
    return new BatonError("not_found", `Cannot read "${path}": there is no such file`, { cause });
  }
  return new BatonError("invalid_argument", `Cannot read "${path}": ${(cause as Error).message}`, { cause });
}

/**
 * The text of a file, or undefined when there is no such file.
 * @throws BatonError `invalid_argument` when it cannot be read.
 */
export async function readOptionalText(path: string): Promise<string | undefined> {
  try {
    return await readText(path);
  } catch (error) {
    if (isBatonError(error) && error.code === "not_found") return undefined;
    throw error;
  }
}

/**
 * True when there is such a file.
 * @throws BatonError `invalid_argument` when that cannot be told.
 */
export async function fileExists(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch (cause) {
    if (fileError(path, cause).code === "not_found") return false;
    throw fileError(path, cause);
  }
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    throw fileError(path, cause);
  }
}

function parseJson(path: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const reason = (cause as Error).message;
    throw new BatonError("invalid_argument", `Cannot read "${path}": it is not JSON: ${reason}`, { cause });
  }
}

function describeIssue(issue: z.core.$ZodIssue, json: unknown): string {
  let found: unknown = json;
  for (const key of issue.path) found = (found as Record<PropertyKey, unknown> | undefined)?.[key];
  const field = issue.path.length === 0 ? "the whole file" : issue.path.join(".");
  const value = found === undefined ? "missing" : JSON.stringify(found).slice(0, 80);
  return `${field} is ${value}: ${issue.message}`;
}
