/** Starts one of the programs beside this file. */
import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";

type Child = ChildProcessByStdio<null, Readable, null>;

const PROGRAMS = {
  caller: new URL("./caller.ts", import.meta.url),
  peer: new URL("./peer.ts", import.meta.url),
  "registered-worker": new URL("./registered-worker.ts", import.meta.url),
};

/** The process, and the first line that it printed. Whoever starts it kills it. */
export async function startChild(
  program: keyof typeof PROGRAMS,
  ...args: string[]
): Promise<{ child: Child; line: string }> {
  const path = fileURLToPath(PROGRAMS[program]);
  const child = spawn(process.execPath, [path, ...args], { stdio: ["ignore", "pipe", "inherit"] });
  const [chunk] = await once(child.stdout, "data");
  return { child, line: String(chunk).trim() };
}
