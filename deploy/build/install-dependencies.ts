import { run } from "./run.ts";
import { readManifest } from "./workspace.ts";

/** The version that the repository's npm scripts use. */
const PNPM = "pnpm@12.21.0";

/** Installs in `target` what the package in `folder` needs at run time, exactly as locked. */
export function installDependencies(folder: string, target: string): void {
  // With a filter, because the lockfile also knows the packages that are not in `target`.
  const selection = `--filter=${readManifest(folder).name}...`;
  run(
    "npx",
    ["--yes", PNPM, "install", "--prod", "--frozen-lockfile", "--prefer-offline", selection],
    target,
  );
}
