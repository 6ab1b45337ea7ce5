import { run } from "./run.ts";
import { ROOT } from "./workspace.ts";

/** Compiles all sources but tests into `output`, in the layout of the repository. Types are checked on the way. */
export function compile(output: string): void {
  run(`${ROOT}/node_modules/.bin/tsc`, [
    "--project",
    `${ROOT}/deploy/build/tsconfig.json`,
    "--outDir",
    output,
  ]);
}
