/**
 * The form of `BATON_API_KEYS`, and of the file that `BATON_API_KEYS_FILE` names: keys separated by commas or line
 * breaks, each with words of its own after it. Empty lines and those that begin with `#` say nothing.
 *
 *     sk-baton-1f0c…
 *     sk-baton-92ab… name=search requests-per-minute=600 tokens-per-minute=200000 concurrent=8
 */
import { ConfigError } from "@baton/config";
import { type ApiKey, hashOfKey, KEY_FORM, type KeyLimits } from "./api-key.ts";

const LIMIT_WORDS: Readonly<Record<string, keyof KeyLimits>> = {
  "requests-per-minute": "requestsPerMinute",
  "tokens-per-minute": "tokensPerMinute",
  concurrent: "concurrent",
};

const WORDS = ["name", ...Object.keys(LIMIT_WORDS)];

/** Short enough for a log line and a label. */
const NAME_FORM = /^[A-Za-z0-9._-]{1,64}$/;

/** @throws ConfigError with every problem there is, by entry, never showing a key */
export function parseApiKeys(text: string): readonly ApiKey[] {
  const entries = text
    .split(/[,\n]/)
    .map((entry) => entry.trim())
    .filter((entry) => entry !== "" && !entry.startsWith("#"));
  const problems: string[] = [];
  const keys = entries.map((entry, index) => {
    const where = `key ${index + 1}`;
    return parseEntry(entry, where, (problem) => problems.push(`${where}: ${problem}`));
  });
  if (entries.length === 0) problems.push("there is no key in it");
  problems.push(...repeated(keys));
  if (problems.length > 0) throw new ConfigError(problems);
  return keys;
}

function parseEntry(entry: string, where: string, report: (problem: string) => void): ApiKey {
  const [key = "", ...words] = entry.split(/\s+/);
  if (!KEY_FORM.test(key)) {
    report(
      'it has characters that no bearer token may have, expected letters, digits and "-._~+/", then "="',
    );
  }
  let name = where.replace(" ", "-");
  const limits: { -readonly [Limit in keyof KeyLimits]?: number } = {};
  for (const word of words) {
    const [option = "", value = ""] = splitOnce(word);
    const limit = LIMIT_WORDS[option];
    if (option === "name" && NAME_FORM.test(value)) name = value;
    else if (option === "name") report('"name" has to be 1 to 64 letters, digits, ".", "_" or "-"');
    else if (!limit) report(`there is a word that is unknown, expected ${WORDS.join("=, ")}=`);
    else if (/^[1-9]\d{0,11}$/.test(value)) limits[limit] = Number(value);
    else report(`"${option}" has to be a whole number, 1 or more`);
  }
  return { name, hash: hashOfKey(key), limits };
}

function splitOnce(word: string): readonly string[] {
  const equals = word.indexOf("=");
  return equals < 0 ? [word] : [word.slice(0, equals), word.slice(equals + 1)];
}

/** Two clients that share a key or a name could not be told apart. */
function repeated(keys: readonly ApiKey[]): readonly string[] {
  const problems: string[] = [];
  const seen = new Map<string, number>();
  for (const [index, { name, hash }] of keys.entries()) {
    for (const [what, value] of [
      ["key", hash.toString("hex")],
      ["name", name],
    ] as const) {
      const first = seen.get(`${what} ${value}`);
      if (first !== undefined) problems.push(`key ${index + 1}: its ${what} is that of key ${first} too`);
      else seen.set(`${what} ${value}`, index + 1);
    }
  }
  return problems;
}
