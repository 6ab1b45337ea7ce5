import type { ConfigOf, SettingsDefinition } from "./define-settings.ts";

/** The values of a configuration by their variable or else their flag, null where unset; of a secret only that it is set. */
export function shownSettings<D extends SettingsDefinition>(
  { settings }: D,
  config: ConfigOf<D>,
): Readonly<Record<string, unknown>> {
  const values: Readonly<Record<string, unknown>> = config;
  return Object.fromEntries(
    Object.entries(settings).map(([name, { flag, env, secret }]) => [
      env[0] ?? `--${flag}`,
      values[name] === undefined ? null : secret ? "(set)" : values[name],
    ]),
  );
}
