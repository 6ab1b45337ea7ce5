import type { Setting } from "./setting.ts";

/** Settings by the name that the program's code uses. */
export type Settings = Readonly<Record<string, Setting<unknown>>>;

/** What a program takes besides settings: the words on its command line that belong to no flag. */
export interface Operands {
  /** As the help shows one of them: "FILE". */
  readonly name: string;
  readonly doc: string;
  /** Fewest that must be given. */
  readonly min: number;
  /** Most that may be given. */
  readonly max: number;
}

/** What a program can be told. */
export interface SettingsDefinition<
  S extends Settings = Settings,
  O extends Operands | undefined = Operands | undefined,
> {
  /** As it is typed on a command line, for example "baton up"; stands in the help. */
  readonly program: string;
  readonly settings: S;
  readonly operands: O;
}

/** The validated values of a definition: one per setting, and `operands` where it has them. */
export type ConfigOf<D extends SettingsDefinition> = {
  readonly [Name in keyof D["settings"]]: D["settings"][Name] extends Setting<infer T> ? T : never;
} & (D["operands"] extends Operands ? { readonly operands: readonly string[] } : unknown);

/** Flags that every program has. */
const RESERVED_FLAGS = ["--help", "-h", "--version"];

/**
 * Declares what a program can be told; shared groups are spread into `settings`.
 * @throws Error when a flag or a variable is used twice, or a setting has neither: a mistake in the program.
 */
export function defineSettings<const S extends Settings, O extends Operands | undefined = undefined>(
  program: string,
  settings: S,
  operands?: O,
): SettingsDefinition<S, O> {
  const taken = new Set(RESERVED_FLAGS);
  for (const [name, { flag, short, env, fileEnv }] of Object.entries(settings)) {
    const flags = [
      ...(flag === undefined ? [] : [`--${flag}`]),
      ...(short === undefined ? [] : [`-${short}`]),
    ];
    const ways = [...flags, ...env, ...fileEnv];
    if (ways.length === 0) throw new Error(`Cannot define "${name}": expected a flag or a variable`);
    for (const way of ways) {
      if (taken.has(way)) throw new Error(`Cannot define "${name}": ${way} is already taken`);
      taken.add(way);
    }
  }
  return { program, settings, operands: operands as O };
}

/** How to give a setting, for messages: "--port (BATON_HTTP_PORT)", or the variables alone. */
export function waysToSet({ flag, env, fileEnv }: Setting<unknown>): string {
  const variables = [...env, ...fileEnv].join(", ");
  if (flag === undefined) return variables;
  return variables === "" ? `--${flag}` : `--${flag} (${variables})`;
}
