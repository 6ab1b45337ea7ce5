import { ConfigError } from "./config-error.ts";
import { type ConfigOf, type Operands, type SettingsDefinition, waysToSet } from "./define-settings.ts";
import { parseArguments } from "./parse-arguments.ts";
import type { Environment, Setting } from "./setting.ts";

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
    const text = texts.get(name) ?? textFromEnvironment(setting, env);
    const value = text === undefined ? setting.defaultValue(env) : setting.parse(text, env);
    if (text !== undefined && value === undefined) problems.push(notAccepted(setting, text));
    values[name] = value;
  }
  if (definition.operands) values.operands = Object.freeze(operands);
  if (problems.length > 0) throw new ConfigError(problems);
  return Object.freeze(values) as ConfigOf<D>;
}

function textFromEnvironment(setting: Setting<unknown>, env: Environment): string | undefined {
  return setting.env.map((variable) => env[variable]).find((text) => text !== undefined && text !== "");
}

function notAccepted(setting: Setting<unknown>, text: string): string {
  const value = setting.secret ? "" : ` to "${text}"`;
  return `Cannot set ${waysToSet(setting)}${value}: expected ${setting.accepts}`;
}

function wrongCount(expected: Operands | undefined, given: readonly string[]): readonly string[] {
  if (!expected || (given.length >= expected.min && given.length <= expected.max)) return [];
  const { name, min, max } = expected;
  const count =
    max === Number.POSITIVE_INFINITY ? `${min} or more` : min === max ? `${min}` : `${min} to ${max}`;
  return [`Cannot use ${given.length} of ${name}: expected ${count}`];
}
