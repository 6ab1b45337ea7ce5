import { spawnSync } from "node:child_process";

/** Runs a program to its end, showing what it prints. @throws Error unless it exits with 0. */
export function run(program: string, args: readonly string[], cwd?: string): void {
  const { status, signal, error } = spawnSync(program, args, { cwd, stdio: "inherit" });
  if (error) throw new Error(`Cannot run "${program}": ${error.message}`, { cause: error });
  if (status !== 0)
    throw new Error(`"${program} ${args.join(" ")}" failed: it ended with ${signal ?? status}`);
}
