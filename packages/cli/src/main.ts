/** The baton program: finds the command and runs it. A command is loaded only when it is the one that runs. */
import { nearestName, version } from "@baton/config";
import { EXIT_CODE } from "@baton/lifecycle";
import { type Command, failingWithOneLine, print } from "./command.ts";

interface CommandEntry {
  readonly summary: string;
  readonly load: () => Promise<Command>;
}

/** By name; a name of two words is a command of its own. */
const COMMANDS: Readonly<Record<string, CommandEntry>> = {
  up: {
    summary: "Start a router and workers on this machine",
    load: async () => (await import("./up/up.ts")).up,
  },
  doctor: {
    summary: "Check settings, router, workers and collector, and say what to do",
    load: async () => (await import("./doctor/doctor.ts")).doctor,
  },
  "model synth": {
    summary: "Write a checkpoint with random weights in the shape of a real model",
    load: async () => (await import("./model/synth.ts")).synthModel,
  },
  "model quality": {
    summary: "Measure what int8 and int4 weights cost: perplexity, and divergence from fp32",
    load: async () => (await import("./model/quality.ts")).measureQuality,
  },
  trace: {
    summary: "Show the last traces, or one as a tree with its times",
    load: async () => (await import("./trace/show-trace.ts")).showTrace,
  },
  "trace check": {
    summary: "Check exported traces: one connected tree per request",
    load: async () => (await import("./trace/check-traces.ts")).checkTraces,
  },
  "trace perfetto": {
    summary: "Convert exported traces for Perfetto",
    load: async () => (await import("./trace/export-perfetto.ts")).exportPerfetto,
  },
};

async function main(argv: readonly string[]): Promise<number> {
  const [name = "--help", second = ""] = argv;
  for (const words of [2, 1]) {
    const command = entryOf([name, second].slice(0, words).join(" "));
    if (command) return failingWithOneLine(await command.load())(argv.slice(words));
  }
  if (name === "--help" || name === "-h") print(help());
  else if (name === "--version") print(version());
  else {
    process.stderr.write(`${unknownCommand(name)}\n`);
    return EXIT_CODE.configuration;
  }
  return EXIT_CODE.ok;
}

function entryOf(name: string): CommandEntry | undefined {
  return Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
}

function help(): string {
  const commands = Object.entries(COMMANDS).map(([name, { summary }]) => `  ${name.padEnd(16)}${summary}`);
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

process.exit(await main(process.argv.slice(2)));
