export { ConfigError } from "./config-error.ts";
export { configOfProcess, configOrExit, version } from "./config-or-exit.ts";
export {
  type ConfigOf,
  defineSettings,
  type Operands,
  type Settings,
  type SettingsDefinition,
} from "./define-settings.ts";
export { describeSettings, type SettingDescription } from "./describe-settings.ts";
export { formatHelp } from "./format-help.ts";
export { silenceLibraries } from "./library-environment.ts";
export { nearestName } from "./nearest-name.ts";
export { type ConfigSources, readConfig } from "./read-config.ts";
export { type Environment, type Setting, type SettingOptions, setting } from "./setting.ts";
export {
  loggingSettings,
  modelSettings,
  registrySettings,
  tlsSettings,
  tracingSettings,
  workerSettings,
} from "./shared-settings.ts";
export { shownSettings } from "./shown-settings.ts";
