/** A workspace of built packages: the compiled sources, their manifests, and the files that they read at run time. */
import { cpSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { type Manifest, ROOT, readManifest } from "./workspace.ts";

/** What sources read by a path relative to their own; it goes where its package goes. */
const RUN_TIME_FILES = ["packages/model/demo-model/baton-demo"];
/** The protocol, and what an installation is made from. */
const SHARED_FILES = ["proto", "pnpm-lock.yaml", "pnpm-workspace.yaml", "LICENSE"];

/** Puts `packages` into `target`, their JavaScript taken from the folder `compiled`. */
export function assemble(packages: readonly string[], compiled: string, target: string): void {
  mkdirSync(target, { recursive: true });
  for (const folder of packages) {
    cpSync(`${compiled}/${folder}`, `${target}/${folder}`, { recursive: true });
    const manifest = builtManifest(readManifest(folder), `${target}/${folder}`);
    writeFileSync(`${target}/${folder}/package.json`, `${JSON.stringify(manifest, null, 2)}\n`);
  }
  const needed = RUN_TIME_FILES.filter((file) =>
    packages.some((folder) => file.startsWith(`${folder}/`)),
  ).filter((file) => existsSync(`${ROOT}/${file}`));
  for (const file of [...SHARED_FILES, ...needed]) {
    cpSync(`${ROOT}/${file}`, `${target}/${file}`, { recursive: true });
  }
}

/** The exports lead to JavaScript; those that only tests use are not there. */
function builtManifest(manifest: Manifest, folder: string): Manifest {
  const built = Object.entries(manifest.exports ?? {}).map(
    ([door, file]) => [door, file.replace(/\.ts$/, ".js")] as const,
  );
  const exports = Object.fromEntries(built.filter(([, file]) => existsSync(`${folder}/${file}`)));
  return { ...manifest, exports };
}
