import { type SettingsDefinition, waysToSet } from "./define-settings.ts";
import { nearestName } from "./nearest-name.ts";

/** A command line, sorted: texts by setting name, and what does not belong there. */
export interface ParsedArguments {
  /** The text of each setting that a flag gives; of several the last counts. */
  readonly texts: ReadonlyMap<string, string>;
  /** The words that belong to no flag, where the definition has operands. */
  readonly operands: readonly string[];
  readonly problems: readonly string[];
}

/**
 * Reads `--flag value` and `--flag=value`. A value is whatever follows, unless it starts with `--`;
 * the flag of a toggle takes none.
 */
export function parseArguments(definition: SettingsDefinition, argv: readonly string[]): ParsedArguments {
  const byFlag = settingsByFlag(definition);
  const texts = new Map<string, string>();
  const operands: string[] = [];
  const problems: string[] = [];
  for (let index = 0; index < argv.length; index++) {
    const argument = argv[index]!;
    const [flag, inline] = splitFlag(argument);
    const known = byFlag.get(flag);
    const following = isValue(argv[index + 1]) ? argv[index + 1] : undefined;
    if (!known && definition.operands && !argument.startsWith("-")) {
      operands.push(argument);
      continue;
    }
    if (!known) {
      problems.push(unknownArgument(flag, [...byFlag.keys()]));
      // What follows an unknown flag was meant for it: one mistake is one problem.
      if (flag.startsWith("--") && inline === undefined && following !== undefined) index++;
      continue;
    }
    const { name, setting } = known;
    if (inline !== undefined) texts.set(name, inline);
    else if (setting.toggle) texts.set(name, "true");
    else if (following !== undefined) {
      texts.set(name, following);
      index++;
    } else
      problems.push(`Cannot set ${waysToSet(setting)}: the value is missing, expected ${setting.accepts}`);
  }
  return { texts, operands, problems };
}

function settingsByFlag({ settings }: SettingsDefinition) {
  return new Map(
    Object.entries(settings).flatMap(([name, setting]) => {
      const flags = [
        ...(setting.flag === undefined ? [] : [`--${setting.flag}`]),
        ...(setting.short === undefined ? [] : [`-${setting.short}`]),
      ];
      return flags.map((flag) => [flag, { name, setting }] as const);
    }),
  );
}

function splitFlag(argument: string): readonly [flag: string, inline: string | undefined] {
  const equals = argument.startsWith("--") ? argument.indexOf("=") : -1;
  return equals < 0 ? [argument, undefined] : [argument.slice(0, equals), argument.slice(equals + 1)];
}

function isValue(argument: string | undefined): argument is string {
  return argument !== undefined && !argument.startsWith("--");
}

function unknownArgument(argument: string, flags: readonly string[]): string {
  if (!argument.startsWith("-"))
    return `Cannot use "${argument}": expected only settings such as --name value`;
  const nearest = nearestName(argument, flags);
  const hint = nearest ? `did you mean "${nearest}"?` : "--help lists them";
  return `Cannot use "${argument}": there is no such setting, ${hint}`;
}
