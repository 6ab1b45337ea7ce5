/**
 * The first thing that runs on a new machine, so it is plain JavaScript for Node 20 with npm and nothing else.
 * It installs what is missing, finds a Node that Baton supports, and hands over to it:
 *
 *   node packages/cli/bootstrap.mjs up --port 9000         the baton program
 *   node packages/cli/bootstrap.mjs --run test:all -- -t x  a script of the root package.json
 *
 *   B1  Nothing is installed while the manifests and the lockfile are those of the last installation.
 *   B2  The exit code, or the ending signal, is that of what was run; signals are passed on to it.
 *   B3  Standard input is left to what is run.
 */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { constants } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const PNPM = "pnpm@12.21.0";
const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const BIN = join(ROOT, "node_modules/.bin");
/** npm would wait for more than a minute before it says that there is no network. */
const IMPATIENT = { npm_config_fetch_retry_mintimeout: "2000", npm_config_fetch_retry_maxtimeout: "5000" };
/** Remembers what was installed last. */
const STAMP = join(ROOT, "node_modules/.baton-installed");

const manifest = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));

async function main([command, ...args]) {
  await installIfNeeded();
  const node = findNode();
  if (command === "--run") return runScript(node, args);
  const program = join(ROOT, "packages/cli/src/main.ts");
  return handOver(node, ["--disable-warning=ExperimentalWarning", program, command ?? "--help", ...args]);
}

/** Invariant B1. */
async function installIfNeeded() {
  const wanted = fingerprint();
  if (existsSync(STAMP) && readFileSync(STAMP, "utf8") === wanted) return;
  const startedAt = Date.now();
  process.stderr.write("Installing dependencies …\n");
  const { code, output } = await capture("npx", ["--yes", PNPM, "install", "--frozen-lockfile"]);
  if (code !== 0) fail(whyNotInstalled(output));
  writeFileSync(STAMP, wanted);
  process.stderr.write(`Dependencies installed in ${((Date.now() - startedAt) / 1000).toFixed(1)} s\n`);
}

/** A hash of all that decides what gets installed, and for which machine. */
function fingerprint() {
  const hash = createHash("sha256").update(`${process.platform} ${process.arch} ${PNPM}\n`);
  for (const file of manifests()) hash.update(`${file}\n`).update(readFileSync(join(ROOT, file)));
  return hash.digest("hex");
}

function manifests() {
  const members = ["packages", "services"].flatMap((folder) =>
    readdirSync(join(ROOT, folder)).map((name) => `${folder}/${name}/package.json`),
  );
  return ["package.json", "pnpm-lock.yaml", "pnpm-workspace.yaml", "test/package.json", ...members].filter(
    (file) => existsSync(join(ROOT, file)),
  );
}

const UNREACHABLE = /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH/;

function whyNotInstalled(output) {
  const unreachable = UNREACHABLE.exec(output);
  if (unreachable) {
    return `Cannot install the dependencies: the npm registry cannot be reached (${unreachable[0]}), expected a network connection`;
  }
  return `${output.trimEnd()}\nCannot install the dependencies: see above`;
}

/** The running Node if Baton supports it, else the one that is installed with the dependencies. */
function findNode() {
  const supported = manifest.engines.node;
  if (satisfies(process.versions.node, supported)) return process.execPath;
  const installed = join(ROOT, `node_modules/node-${process.platform}-${process.arch}/bin/node`);
  if (existsSync(installed)) return installed;
  return fail(`Cannot run on Node ${process.versions.node}: expected ${supported}`);
}

/** Understands ranges such as "^22.22.3 || >=26", which is all that the manifest uses. */
function satisfies(version, range) {
  const actual = version.split("-")[0].split(".").map(Number);
  return range.split("||").some((alternative) => {
    const [, operator, least] = /^\s*(\^|>=)([\d.]+)\s*$/.exec(alternative);
    const [major, minor = 0, patch = 0] = least.split(".").map(Number);
    if (operator === "^" && actual[0] !== major) return false;
    return (actual[0] - major || actual[1] - minor || actual[2] - patch) >= 0;
  });
}

/** Runs a script as a package manager would, with the Node that was found first in the PATH. */
function runScript(node, [name, separator, ...args]) {
  const script = manifest.scripts[name];
  if (script === undefined) fail(`Cannot run "${name}": expected a script of package.json`);
  const rest = separator === undefined || separator === "--" ? args : [separator, ...args];
  return handOver("/bin/sh", ["-c", `${script} "$@"`, name, ...rest], {
    ...process.env,
    PATH: [BIN, dirname(node), process.env.PATH].join(delimiter),
  });
}

/** Invariants B2 and B3. */
function handOver(program, args, env = process.env) {
  const child = spawn(program, args, { cwd: ROOT, env, stdio: "inherit" });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
  child.on("error", (error) => fail(`Cannot start "${program}": ${error.message}`));
  child.on("exit", (code, signal) => process.exit(code ?? 128 + constants.signals[signal]));
}

/** Runs a program without input and collects what it prints. */
function capture(program, args) {
  return new Promise((resolve) => {
    const env = { ...IMPATIENT, ...process.env };
    const child = spawn(program, args, { cwd: ROOT, env, stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text) => {
        output += text;
      });
    }
    child.on("error", (error) => resolve({ code: 1, output: `Cannot start "${program}": ${error.message}` }));
    child.on("close", (code) => resolve({ code, output }));
  });
}

function fail(message) {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}

await main(process.argv.slice(2));
