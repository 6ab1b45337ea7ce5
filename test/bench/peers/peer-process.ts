/** A peer in a process of its own, from the folder with its own dependencies. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const FOLDER = fileURLToPath(new URL(".", import.meta.url));

/** How a peer is started. */
export interface PeerOptions {
  readonly kind: "llama" | "transformers" | "transformers-batches";
  /** Path of its model. */
  readonly model: string;
  readonly threads: number;
  /** Sequences that it must have room for, and tokens of each. */
  readonly sequences: number;
  readonly contextTokens: number;
}

/** Installs the peers unless they are there: prebuilt binaries from the package registry, no install scripts. */
export function installPeers(): void {
  if (existsSync(`${FOLDER}node_modules`)) return;
  const options = ["--ignore-scripts", "--no-package-lock", "--no-audit", "--no-fund"];
  execFileSync("npm", ["install", ...options], { cwd: FOLDER, stdio: ["ignore", "ignore", "inherit"] });
}

/** A running server around a peer. */
export class PeerProcess {
  readonly url: string;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, url: string) {
    this.#child = child;
    this.url = url;
  }

  /** Starts it; resolves once its model is loaded. */
  static async start({ kind, model, threads, sequences, contextTokens }: PeerOptions): Promise<PeerProcess> {
    const args = [kind, model, threads, sequences, contextTokens].map(String);
    const child = spawn(process.execPath, ["serve.mjs", ...args], {
      cwd: FOLDER,
      stdio: ["ignore", "pipe", "inherit", "ipc"],
    });
    const port = await new Promise<string>((resolve, reject) => {
      child.stdout!.setEncoding("utf8").on("data", (text: string) => resolve(text.trim()));
      child.once("error", reject);
      child.once("exit", (code) =>
        reject(new Error(`The peer ${kind} ended with ${code} before it was ready`)),
      );
    });
    return new PeerProcess(child, `http://127.0.0.1:${port}`);
  }

  async close(): Promise<void> {
    const ended = new Promise((resolve) => this.#child.once("exit", resolve));
    this.#child.kill("SIGKILL");
    await ended;
  }
}
