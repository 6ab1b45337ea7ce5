import type { Setting } from "./setting.ts";

/** Settings by the name that the program's code uses. */
export type Settings = Readonly<Record<string, Setting<unknown>>>;

/** What a program can be told. */
export interface SettingsDefinition<S extends Settings = Settings> {
  /** As it is typed on a command line, for example "baton up"; stands in the help. */
  readonly program: string;
  readonly settings: S;
}

/** The validated values of a definition, one per setting. */
export type ConfigOf<D extends SettingsDefinition> = {
  readonly [Name in keyof D["settings"]]: D["settings"][Name] extends Setting<infer T> ? T : never;
};

/** Flags that every program has. */
const RESERVED_FLAGS = ["help", "version"];

/**
 * Declares what a program can be told; shared groups are spread into `settings`.
 * @throws Error when a flag or a variable is used twice, or a setting has neither: a mistake in the program.
 */
export function defineSettings<const S extends Settings>(
  program: string,
  settings: S,
): SettingsDefinition<S> {
  const taken = new Set(RESERVED_FLAGS.map((flag) => `--${flag}`));
  for (const [name, { flag, env }] of Object.entries(settings)) {
    const ways = [...(flag === undefined ? [] : [`--${flag}`]), ...env];
    if (ways.length === 0) throw new Error(`Cannot define "${name}": expected a flag or a variable`);
    for (const way of ways) {
      if (taken.has(way)) throw new Error(`Cannot define "${name}": ${way} is already taken`);
      taken.add(way);
    }
  }
  return { program, settings };
}

/** How to give a setting, for messages: "--port (BATON_HTTP_PORT)", or the variables alone. */
export function waysToSet({ flag, env }: Setting<unknown>): string {
  const variables = env.join(", ");
  if (flag === undefined) return variables;
  return variables === "" ? `--${flag}` : `--${flag} (${variables})`;
}
