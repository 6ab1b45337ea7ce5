/**
 * Where the text of a setting comes from: a flag, a variable, or, for a secret, a file that a variable names: an
 * orchestrator hands secrets over as files, and what is in no variable shows in no list of them.
 */
import { readFileSync, statSync } from "node:fs";
import { ConfigError } from "./config-error.ts";
import type { Environment, Setting } from "./setting.ts";

/** Nobody's secret is that long; a device or a wrong file may be. */
const MAX_FILE_BYTES = 1024 * 1024;

/**
 * The text that `env` gives a setting, directly or by a file; undefined where it gives none.
 * @throws ConfigError for both at once, and for a file that cannot be used; it never shows what is in one.
 */
export function textFromEnvironment(setting: Setting<unknown>, env: Environment): string | undefined {
  const direct = firstSet(setting.env, env);
  const file = firstSet(setting.fileEnv, env);
  if (direct && file) {
    throw new ConfigError([
      `Cannot set ${direct.variable}: ${file.variable} is set too, expected one of them`,
    ]);
  }
  return file ? textOfFile(file.variable, file.text) : direct?.text;
}

function firstSet(variables: readonly string[], env: Environment) {
  const variable = variables.find((name) => env[name] !== undefined && env[name] !== "");
  return variable === undefined ? undefined : { variable, text: env[variable]! };
}

/** Without the line break at its end, which editors and `echo` leave there. */
function textOfFile(variable: string, file: string): string {
  const text = contentOf(variable, file).replace(/[\r\n]+$/, "");
  if (text === "") throw unusable(variable, file, "it is empty, expected a secret in it");
  return text;
}

function contentOf(variable: string, file: string): string {
  try {
    if (statSync(file).size <= MAX_FILE_BYTES) return readFileSync(file, "utf8");
  } catch (cause) {
    throw unusable(variable, file, `it cannot be read (${(cause as NodeJS.ErrnoException).code})`);
  }
  throw unusable(variable, file, `it is too large, expected at most ${MAX_FILE_BYTES} bytes`);
}

function unusable(variable: string, file: string, problem: string): ConfigError {
  return new ConfigError([`Cannot use the file "${file}" of ${variable}: ${problem}`]);
}
