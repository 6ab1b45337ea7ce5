/** Checks of incoming fields. Each failure is an `invalid_argument` that names the field, what it is and what it should be. */
import { BatonError } from "@baton/core";

/** Longest request id, worker id, address and the like, in UTF-16 units. */
export const MAX_ID_LENGTH = 512;
export const MAX_UINT32 = 2 ** 32 - 1;

/** Throws the error of a bad field. */
export function rejectField(field: string, is: string, shouldBe: string): never {
  throw new BatonError("invalid_argument", `Cannot accept "${field}": it is ${is}, expected ${shouldBe}`, {
    param: field,
  });
}

/** A message field that must be there. */
export function present<T>(field: string, value: T | null | undefined): T {
  return value ?? rejectField(field, "absent", "a message");
}

/** A string of 1 to `limit` UTF-16 units. */
export function text(field: string, value: string, limit: number): string {
  if (value.length >= 1 && value.length <= limit) return value;
  return rejectField(field, `${value.length} characters long`, `1 to ${limit}`);
}

/** A number of the range, both ends included; NaN is in no range. */
export function inRange(field: string, value: number, from: number, to: number): number {
  if (value >= from && value <= to) return value;
  return rejectField(field, String(value), `${from} to ${to}`);
}

/** A member of a closed list of words. */
export function oneOf<T extends string>(field: string, value: string, words: readonly T[]): T {
  const word = words.find((known) => known === value);
  return (
    word ??
    rejectField(field, JSON.stringify(value.slice(0, 40)), words.map((known) => `"${known}"`).join(" or "))
  );
}

/** A list that is not empty. */
export function notEmpty<T>(field: string, list: readonly T[]): readonly T[] {
  return list.length > 0 ? list : rejectField(field, "empty", "at least one element");
}
