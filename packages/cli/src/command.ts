/** What a command of the program is, and how it ends. */
import { BatonError } from "@baton/core";
import { EXIT_CODE } from "@baton/lifecycle";

/** Takes the arguments after the command's name; resolves with the exit code. */
export type Command = (argv: readonly string[]) => Promise<number>;

/** A command that prints one line and fails when something is thrown. */
export function failingWithOneLine(command: Command): Command {
  return async (argv) => {
    try {
      return await command(argv);
    } catch (reason) {
      process.stderr.write(`${BatonError.from(reason).message}\n`);
      return EXIT_CODE.failed;
    }
  };
}

/** Writes a line, or several, for the person who runs the command. */
export function print(text: string): void {
  process.stdout.write(`${text}\n`);
}
