/** The one door between a process's arguments and environment and the program: nothing else reads `process.env`. */
import { readFileSync } from "node:fs";
import { ConfigError } from "./config-error.ts";
import type { ConfigOf, SettingsDefinition } from "./define-settings.ts";
import { formatHelp } from "./format-help.ts";
import { readConfig } from "./read-config.ts";

/** Exit code of a program whose configuration cannot be used; restarting it would not help. */
const EXIT_CODE_CONFIGURATION = 2;

/**
 * The configuration that this process's environment and `argv` give.
 * @throws ConfigError with every problem there is.
 */
export function configOfProcess<const D extends SettingsDefinition>(
  definition: D,
  argv: readonly string[],
): ConfigOf<D> {
  return readConfig(definition, { argv, env: process.env });
}

/**
 * The configuration of this process, or its end: `--help` and `--version` print and exit with 0; problems are
 * printed one per line on stderr and the exit code is 2.
 *
 * @param argv arguments after the program's (and its command's) name.
 */
export function configOrExit<const D extends SettingsDefinition>(
  definition: D,
  argv: readonly string[] = process.argv.slice(2),
): ConfigOf<D> {
  if (argv.includes("--help") || argv.includes("-h")) return printAndExit(formatHelp(definition));
  if (argv.includes("--version")) return printAndExit(`${version()}\n`);
  try {
    return configOfProcess(definition, argv);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`${error.problems.join("\n")}\n`);
    process.exit(EXIT_CODE_CONFIGURATION);
  }
}

function printAndExit(text: string): never {
  process.stdout.write(text);
  process.exit(0);
}

/** The version of Baton; all packages carry the same. */
export function version(): string {
  const manifest = readFileSync(new URL("../package.json", import.meta.url), "utf8");
  return (JSON.parse(manifest) as { version: string }).version;
}
