/**
 * Where tests get a real Redis from: one on the PATH, else a container where Docker answers, else Debian's package where
 * we may install it, else an error that says what to do. Never "skipped".
 */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { tmpdir } from "node:os";
import { promisify } from "node:util";

const run = promisify(execFile);
const IMAGE = "redis:7";
const LOOK_MS = 5000;
const INSTALL_MS = 300_000;

/** Starts, freezes and ends Redis processes, wherever they run. */
export interface RedisRunner {
  /** Starts a server with a configuration file below the system's temporary folder; it ends with `kill`. */
  start(configFile: string, args: readonly string[]): RunningRedis;
}

export interface RunningRedis {
  /** Ends it at once, without a chance to save or say goodbye; resolves when it is gone. */
  kill(): Promise<void>;
  /** Freezes it: connections stay open, nothing answers. */
  pause(): Promise<void>;
  resume(): Promise<void>;
}

let found: Promise<RedisRunner> | undefined;

/** The first way that works on this machine; looked for once per process. */
export function findRedisRunner(): Promise<RedisRunner> {
  found ??= look();
  return found;
}

async function look(): Promise<RedisRunner> {
  if (await succeeds("redis-server", ["--version"], LOOK_MS)) return localRunner;
  if (await succeeds("docker", ["run", "--rm", IMAGE, "redis-server", "--version"], INSTALL_MS))
    return dockerRunner;
  const isRoot = process.getuid?.() === 0;
  if (isRoot && (await installs()) && (await succeeds("redis-server", ["--version"], LOOK_MS)))
    return localRunner;
  throw new Error(
    'Cannot run the tests against Redis: no "redis-server" on the PATH, no Docker that can run ' +
      `"${IMAGE}", and no right to install Debian's package; expected one of them: ` +
      "install redis-server (Debian: apt-get install redis-server, macOS: brew install redis) or start Docker",
  );
}

async function installs(): Promise<boolean> {
  const apt = ["DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq", "-o", "DPkg::Lock::Timeout=120"];
  await succeeds("env", [...apt, "update"], INSTALL_MS);
  return succeeds("env", [...apt, "install", "-y", "--no-install-recommends", "redis-server"], INSTALL_MS);
}

async function succeeds(command: string, args: readonly string[], timeoutMs: number): Promise<boolean> {
  return run(command, args, { timeout: timeoutMs }).then(
    () => true,
    () => false,
  );
}

const localRunner: RedisRunner = {
  start(configFile, args) {
    const child = spawn("redis-server", [configFile, ...args], { stdio: "ignore", cwd: tmpdir() });
    return {
      kill: () => ended(child),
      async pause() {
        child.kill("SIGSTOP");
      },
      async resume() {
        child.kill("SIGCONT");
      },
    };
  },
};

function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  const { promise, resolve } = Promise.withResolvers<void>();
  child.once("exit", () => resolve());
  child.kill("SIGKILL");
  return promise;
}

const dockerRunner: RedisRunner = {
  start(configFile, args) {
    const name = `baton-test-redis-${randomUUID()}`;
    const started = run("docker", [
      ...["run", "--rm", "--detach", "--name", name, "--network", "host", "--user", "0"],
      ...["--volume", `${tmpdir()}:${tmpdir()}`, "--entrypoint", "redis-server", IMAGE],
      ...[configFile, ...args],
    ]);
    const docker = async (command: string) => {
      await started;
      await run("docker", [command, name]);
    };
    let gone: Promise<void> | undefined;
    return {
      kill() {
        gone ??= docker("kill");
        return gone;
      },
      pause: () => docker("pause"),
      resume: () => docker("unpause"),
    };
  },
};
