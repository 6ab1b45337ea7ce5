/**
 * Parameters of OpenAI's API that Baton does not have. A value that asks for nothing (null, or the API's own default)
 * is dropped; any other is refused by name, so that no parameter is ever accepted and ignored.
 */
import { isDeepStrictEqual } from "node:util";
import { BatonError } from "@baton/core";

/** The values of each unsupported field that ask for nothing; null always does. */
export type NeutralValues = Readonly<Record<string, readonly unknown[]>>;

/**
 * The fields of `object` that are among `supported`.
 * @param path of the object in the request, for error messages: "" or "messages[0]."
 * @throws BatonError `invalid_argument` naming the first other field whose value is not neutral.
 */
export function supportedFields(
  object: object,
  supported: ReadonlySet<string>,
  neutral: NeutralValues,
  path = "",
): Record<string, unknown> {
  const kept: Record<string, unknown> = {};
  for (const [field, value] of Object.entries(object)) {
    if (supported.has(field)) kept[field] = value;
    else if (value !== null) assertNeutral(`${path}${field}`, value, neutralValues(neutral, field));
  }
  return kept;
}

/** A client may call a field "constructor": only what the table itself has counts. */
function neutralValues(neutral: NeutralValues, field: string): readonly unknown[] | undefined {
  return Object.hasOwn(neutral, field) ? neutral[field] : undefined;
}

function assertNeutral(param: string, value: unknown, neutral: readonly unknown[] | undefined): void {
  if (neutral?.some((candidate) => isDeepStrictEqual(candidate, value))) return;
  const expected = ["null", ...(neutral ?? []).map((candidate) => JSON.stringify(candidate))].join(" or ");
  const problem = neutral
    ? `the parameter is not supported, expected it to be left out or ${expected}`
    : "there is no such parameter, expected it to be left out";
  throw new BatonError("invalid_argument", `Cannot use "${param}": ${problem}`, { param });
}
