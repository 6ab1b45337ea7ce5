/** Starts one of the programs beside this file. */
import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";

type Child = ChildProcessByStdio<null, Readable, null>;

/** The process, and the first line that it printed. Whoever starts it kills it. */
export async function startChild(
  program: string,
  ...args: string[]
): Promise<{ child: Child; line: string }> {
  const path = fileURLToPath(new URL(program, import.meta.url));
  const child = spawn(process.execPath, [path, ...args], { stdio: ["ignore", "pipe", "inherit"] });
  const [chunk] = await once(child.stdout, "data");
  return { child, line: String(chunk).trim() };
}
