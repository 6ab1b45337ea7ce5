import { BatonError } from "@baton/core";
import { EXIT_CODE } from "./contract.ts";

/** What `read` makes of the settings, or the end of this process: one line on stderr, and an exit code that says that a restart would not help. */
export function valueOrExit<T>(read: () => T): T {
  try {
    return read();
  } catch (reason) {
    process.stderr.write(`${BatonError.from(reason).message}\n`);
    return process.exit(EXIT_CODE.configuration);
  }
}
