/** Runs bootstrap.mjs as a real process in a small copy of the workspace, with an npx that only notes its calls. */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmod, cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";

const MANIFEST = fileURLToPath(new URL("../../../package.json", import.meta.url));
const BOOTSTRAP = fileURLToPath(new URL("../bootstrap.mjs", import.meta.url));
const INSTALLS = `echo "$@" >> npx-calls; mkdir -p node_modules`;
const PROGRAM = "console.log(process.argv.slice(2).join()); process.exitCode = 5;";

let root: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "baton-bootstrap-"));
  await mkdir(join(root, "packages/cli/src"), { recursive: true });
  await mkdir(join(root, "services"));
  await cp(BOOTSTRAP, join(root, "packages/cli/bootstrap.mjs"));
  await writeFile(join(root, "packages/cli/src/main.ts"), PROGRAM);
  await writeManifest(">=20", {});
  await writeProgram("bin/npx", INSTALLS);
});

afterEach(() => rm(root, { recursive: true }));

async function writeManifest(node: string, scripts: Readonly<Record<string, string>>): Promise<void> {
  await writeFile(join(root, "package.json"), JSON.stringify({ engines: { node }, scripts }));
}

async function writeProgram(path: string, body: string): Promise<void> {
  await mkdir(dirname(join(root, path)), { recursive: true });
  await writeFile(join(root, path), `#!/bin/sh\n${body}\n`);
  await chmod(join(root, path), 0o755);
}

const environment = () => ({
  PATH: [join(root, "bin"), dirname(process.execPath), "/usr/bin:/bin"].join(delimiter),
});

function bootstrap(...args: readonly string[]) {
  return spawnSync(process.execPath, ["packages/cli/bootstrap.mjs", ...args], {
    cwd: root,
    env: environment(),
    encoding: "utf8",
    input: "",
  });
}

async function installations(): Promise<readonly string[]> {
  return (await readFile(join(root, "npx-calls"), "utf8")).trimEnd().split("\n");
}

describe("bootstrap.mjs", () => {
  test("installs once, and again when a manifest changed", async () => {
    bootstrap("up");
    bootstrap("up");
    expect(await installations()).toEqual(["--yes pnpm@12.21.0 install --frozen-lockfile"]);
    await writeManifest(">=20", { more: "true" });
    bootstrap("up");
    expect(await installations()).toHaveLength(2);
  });

  test("runs the program with its arguments and takes over its exit code", () => {
    expect(bootstrap("up", "--port", "1")).toMatchObject({ stdout: "up,--port,1\n", status: 5 });
    expect(bootstrap()).toMatchObject({ stdout: "--help\n" });
  });

  test("runs a script with the installed programs in its PATH and its arguments kept whole", async () => {
    await writeProgram("node_modules/.bin/greet", 'printf "%s|" hello "$@"; exit 6');
    await writeManifest(">=20", { "test:all": "true && greet" });
    expect(bootstrap("--run", "test:all", "--", "a b", "$HOME")).toMatchObject({
      stdout: "hello|a b|$HOME|",
      status: 6,
    });
    expect(bootstrap("--run", "nothing")).toMatchObject({
      stderr: expect.stringContaining('Cannot run "nothing": expected a script of package.json'),
      status: 1,
    });
  });

  test("runs scripts that run other scripts", async () => {
    await writeManifest(">=22", {
      both: "node --run one && node --run two",
      one: "echo 1",
      two: "echo 2; exit 1",
    });
    expect(bootstrap("--run", "both")).toMatchObject({ stdout: "1\n2\n", status: 1 });
  });

  test("uses the installed Node where the running one is too old", async () => {
    await writeManifest("^10.1.2 || >=9999", {});
    await writeProgram(
      `node_modules/node-${process.platform}-${process.arch}/bin/node`,
      'echo "other node: $@"',
    );
    expect(bootstrap("up").stdout).toMatch(/^other node: .*packages\/cli\/src\/main\.ts up\n$/);
  });

  test("names the supported versions where there is no good Node", async () => {
    await writeManifest("^10.1.2 || >=9999", {});
    expect(bootstrap("up")).toMatchObject({
      status: 1,
      stderr: expect.stringContaining(
        `Cannot run on Node ${process.versions.node}: expected ^10.1.2 || >=9999\n`,
      ),
    });
  });

  test("says in one line that the registry cannot be reached, and tries again the next time", async () => {
    await writeProgram("bin/npx", "echo npm error code EAI_AGAIN; echo more; exit 1");
    const line =
      "Cannot install the dependencies: the npm registry cannot be reached (EAI_AGAIN), expected a network connection";
    expect(bootstrap("up")).toMatchObject({ status: 1, stderr: `Installing dependencies …\n${line}\n` });
    await writeProgram("bin/npx", INSTALLS);
    expect(bootstrap("up").status).toBe(5);
  });

  test("shows why an installation failed for another reason", async () => {
    await writeProgram("bin/npx", "echo ERR_PNPM_OUTDATED_LOCKFILE; exit 1");
    expect(bootstrap("up").stderr).toContain(
      "ERR_PNPM_OUTDATED_LOCKFILE\nCannot install the dependencies: see above",
    );
  });

  test.each(["SIGINT", "SIGTERM"] as const)("passes %s on and ends as the program does", async (signal) => {
    const program = `process.on("${signal}", () => process.exit(0)); setInterval(() => {}, 1000); console.log("up");`;
    await writeFile(join(root, "packages/cli/src/main.ts"), program);
    const child = spawn(process.execPath, ["packages/cli/bootstrap.mjs", "up"], {
      cwd: root,
      env: environment(),
    });
    await once(child.stdout, "data");
    child.kill(signal);
    expect(await once(child, "exit")).toEqual([0, null]);
  });

  test("Ctrl-C, which reaches a terminal's whole process group, ends npm start with exit code 0", async () => {
    const { scripts } = JSON.parse(await readFile(MANIFEST, "utf8"));
    await writeManifest(">=20", { start: scripts.start });
    const program = `process.on("SIGINT", () => process.exit(0)); setInterval(() => {}, 1000); console.log("ready");`;
    await writeFile(join(root, "packages/cli/src/main.ts"), program);
    const start = `PATH="${join(root, "bin")}:$PATH" exec npm start --silent`;
    const npm = spawn("/bin/sh", ["-c", start], { cwd: root, detached: true });
    await once(npm.stdout, "data");
    process.kill(-npm.pid!, "SIGINT");
    expect(await once(npm, "exit")).toEqual([0, null]);
  });

  test("ends with the number of the signal that ended the program", async () => {
    await writeFile(join(root, "packages/cli/src/main.ts"), 'process.kill(process.pid, "SIGKILL");');
    expect(bootstrap("up").status).toBe(137);
  });
});
