import type { SettingsDefinition } from "./define-settings.ts";

/** One setting for people: a row of a table in the documentation. */
export interface SettingDescription {
  readonly name: string;
  /** With its dashes; undefined for what only the environment can say. */
  readonly flag: string | undefined;
  /** The letter that stands for the flag, with its dash. */
  readonly short: string | undefined;
  /** The variables that give the value, then those that name a file with it. */
  readonly env: readonly string[];
  /** Undefined where nothing is set by default. */
  readonly default: string | undefined;
  readonly accepts: string;
  readonly doc: string;
}

/** The settings of a program in the order of their definition, so that a test can compare a document with the code. */
export function describeSettings({ settings }: SettingsDefinition): readonly SettingDescription[] {
  return Object.entries(settings).map(([name, { flag, short, env, fileEnv, defaultText, accepts, doc }]) => ({
    name,
    flag: flag === undefined ? undefined : `--${flag}`,
    short: short === undefined ? undefined : `-${short}`,
    env: [...env, ...fileEnv],
    default: defaultText,
    accepts,
    doc,
  }));
}
