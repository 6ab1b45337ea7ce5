/** Owns the values of a string's `format`: only texts that are valid in it, if not all of them. */

const DATE = "[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])";
const TIME = "([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,6})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])";
const BYTE = "(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])";
const LABEL = "[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?";

/** Patterns by format. */
export const STRING_FORMATS: ReadonlyMap<string, string> = new Map([
  ["date", DATE],
  ["time", TIME],
  ["date-time", `${DATE}T${TIME}`],
  ["duration", "P([1-9][0-9]{0,3}D|T[1-9][0-9]{0,3}[HMS])"],
  ["email", `[a-zA-Z0-9_+-]{1,30}(\\.[a-zA-Z0-9_+-]{1,30}){0,3}@(${LABEL}\\.){1,3}[a-z]{2,10}`],
  ["hostname", `${LABEL}(\\.${LABEL}){0,4}`],
  ["ipv4", `${BYTE}(\\.${BYTE}){3}`],
  ["ipv6", "[0-9a-f]{1,4}(:[0-9a-f]{1,4}){7}"],
  ["uuid", "[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"],
  ["uri", `https?://(${LABEL}\\.){1,3}[a-z]{2,10}(/[a-zA-Z0-9_.~-]{0,40}){0,6}`],
]);
