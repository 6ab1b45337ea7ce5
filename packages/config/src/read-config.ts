import { ConfigError } from "./config-error.ts";
import { type ConfigOf, type Operands, type SettingsDefinition, waysToSet } from "./define-settings.ts";
import { parseArguments } from "./parse-arguments.ts";
import type { Environment, Setting } from "./setting.ts";
import { textFromEnvironment } from "./setting-text.ts";

/** Where values come from. */
export interface ConfigSources {
  /** Arguments after the program's (and its command's) name. */
  readonly argv: readonly string[];
  readonly env: Environment;
}

/**
 * Compiles a configuration: flag before environment before default.
 * @throws ConfigError with every problem there is.
 */
export function readConfig<const D extends SettingsDefinition>(
  definition: D,
  { argv, env }: ConfigSources,
): ConfigOf<D> {
  const { texts, operands, problems: misplaced } = parseArguments(definition, argv);
  const problems = [...misplaced, ...wrongCount(definition.operands, operands)];
  const values: Record<string, unknown> = {};
  for (const [name, setting] of Object.entries(definition.settings)) {
    try {
      values[name] = readValue(setting, texts.get(name) ?? textFromEnvironment(setting, env), env);
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      problems.push(...error.problems);
    }
  }
  if (definition.operands) values.operands = Object.freeze(operands);
  if (problems.length > 0) throw new ConfigError(problems);
  return Object.freeze(values) as ConfigOf<D>;
}

function readValue(setting: Setting<unknown>, text: string | undefined, env: Environment): unknown {
  if (text === undefined) return setting.defaultValue(env);
  const value = parsed(setting, text, env);
  if (value !== undefined) return value;
  const shown = setting.secret ? "" : ` to "${text}"`;
  throw new ConfigError([`Cannot set ${waysToSet(setting)}${shown}: expected ${setting.accepts}`]);
}

/** A kind that has more to say than what it accepts throws it. */
function parsed(setting: Setting<unknown>, text: string, env: Environment): unknown {
  try {
    return setting.parse(text, env);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw new ConfigError(error.problems.map((problem) => `Cannot set ${waysToSet(setting)}: ${problem}`));
  }
}

function wrongCount(expected: Operands | undefined, given: readonly string[]): readonly string[] {
  if (!expected || (given.length >= expected.min && given.length <= expected.max)) return [];
  const { name, min, max } = expected;
  const count =
    max === Number.POSITIVE_INFINITY ? `${min} or more` : min === max ? `${min}` : `${min} to ${max}`;
  return [`Cannot use ${given.length} of ${name}: expected ${count}`];
}
