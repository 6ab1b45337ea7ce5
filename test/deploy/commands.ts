/** Programs of the machine: Docker and Compose. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";

const run = promisify(execFile);
const MAX_OUTPUT_BYTES = 64 * 2 ** 20;

/** What a program prints. @throws Error with what it printed on stderr unless it exits with 0. */
export async function output(program: string, args: readonly string[], env = process.env): Promise<string> {
  try {
    const { stdout } = await run(program, args, { env, maxBuffer: MAX_OUTPUT_BYTES });
    return stdout.trim();
  } catch (error) {
    const { stderr } = error as { stderr?: string };
    throw new Error(`"${program} ${args.join(" ")}" failed: ${stderr?.trim() || (error as Error).message}`);
  }
}

export function docker(...args: readonly string[]): Promise<string> {
  return output("docker", args);
}

/** The Compose of this machine: the plug-in, or docker-compose 1.29. */
export async function findCompose(): Promise<readonly [program: string, ...args: string[]]> {
  const plugin = await docker("compose", "version").catch(() => undefined);
  return plugin === undefined ? ["docker-compose"] : ["docker", "compose"];
}
