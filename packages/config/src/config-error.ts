import { BatonError } from "@baton/core";

/** A configuration that cannot be used, with everything that is wrong with it. Its code is `invalid_argument`. */
export class ConfigError extends BatonError {
  /** One line each; names the setting, the value (never a secret's) and what is accepted. At least one. */
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super("invalid_argument", problems.join("\n"));
    this.problems = problems;
  }
}
