/** The baton program: finds the command and runs it. */
import { nearestName, version } from "@baton/config";
import { EXIT_CODE } from "@baton/lifecycle";
import { up } from "./up/up.ts";

interface Command {
  readonly summary: string;
  /** Resolves with the exit code. */
  readonly run: (argv: readonly string[]) => Promise<number>;
}

const COMMANDS: Readonly<Record<string, Command>> = {
  up: { summary: "Start a router and workers on this machine", run: up },
};

async function main([name = "--help", ...argv]: readonly string[]): Promise<number> {
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (command) return command.run(argv);
  if (name === "--version") return print(version());
  if (name === "--help" || name === "-h") return print(help());
  process.stderr.write(`${unknownCommand(name)}\n`);
  return EXIT_CODE.configuration;
}

function help(): string {
  const commands = Object.entries(COMMANDS).map(([name, { summary }]) => `  ${name.padEnd(10)}${summary}`);
  return [
    "Usage: baton <command> [settings]",
    "",
    ...commands,
    "",
    "baton <command> --help lists its settings.",
  ].join("\n");
}

function unknownCommand(name: string): string {
  const nearest = nearestName(name, Object.keys(COMMANDS));
  return `Cannot run "${name}": there is no such command, ${nearest ? `did you mean "${nearest}"?` : "--help lists them"}`;
}

function print(text: string): number {
  process.stdout.write(`${text}\n`);
  return EXIT_CODE.ok;
}

process.exit(await main(process.argv.slice(2)));
