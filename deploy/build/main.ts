/**
 * Builds every service for production: `node deploy/build/main.ts <folder>`.
 *
 * The folder gets one folder per service: the service and the packages that it needs as JavaScript, in the layout of
 * the repository (so that paths relative to a file hold), with their dependencies and nothing else. Plain Node runs
 * it: `node <folder>/router/services/router/src/main.js`.
 */
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { assemble } from "./assemble.ts";
import { compile } from "./compile.ts";
import { installDependencies } from "./install-dependencies.ts";
import { prune } from "./prune.ts";
import { ROOT, workspaceClosure } from "./workspace.ts";

const [folder] = process.argv.slice(2);
if (!folder) stop("Usage: node deploy/build/main.ts <folder>");
if (existsSync(folder) && readdirSync(folder).length > 0) {
  stop(`Cannot build into "${folder}": it is not empty, expected an empty folder or none`);
}

const compiled = mkdtempSync(join(tmpdir(), "baton-build-"));
try {
  compile(compiled);
  for (const service of readdirSync(`${ROOT}/services`))
    build(`services/${service}`, resolve(folder, service));
} finally {
  rmSync(compiled, { recursive: true });
}

function build(service: string, target: string): void {
  assemble(workspaceClosure(service), compiled, target);
  installDependencies(service, target);
  prune(`${target}/node_modules`);
}

function stop(problem: string): never {
  process.stderr.write(`${problem}\n`);
  process.exit(2);
}
