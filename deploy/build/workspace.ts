/** What the workspace consists of: packages as folders and manifests. */
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** The root of the repository, without a slash at its end. */
export const ROOT = fileURLToPath(new URL("../..", import.meta.url)).replace(/\/$/, "");

/** A package's description, as far as a build looks at it. */
export interface Manifest {
  readonly name: string;
  readonly exports?: Readonly<Record<string, string>>;
  readonly dependencies?: Readonly<Record<string, string>>;
}

/** The folders, relative to the root, of the package in `folder` and of every package that it needs at run time. */
export function workspaceClosure(folder: string): readonly string[] {
  const byName = new Map(packageFolders().map((path) => [readManifest(path).name, path]));
  const found = new Set([folder]);
  // A set is iterated in the order of insertion, what is added meanwhile included.
  for (const path of found) {
    for (const name of Object.keys(readManifest(path).dependencies ?? {})) {
      const needed = byName.get(name);
      if (needed) found.add(needed);
    }
  }
  return [...found];
}

export function readManifest(folder: string): Manifest {
  return JSON.parse(readFileSync(`${ROOT}/${folder}/package.json`, "utf8")) as Manifest;
}

function packageFolders(): readonly string[] {
  return ["packages", "services"].flatMap((parent) =>
    readdirSync(`${ROOT}/${parent}`).map((name) => `${parent}/${name}`),
  );
}
