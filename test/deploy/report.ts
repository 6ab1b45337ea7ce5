/** Steps, each with a line that says how it went. */

/** Whether every step so far went well. */
let good = true;

/** Runs a step and prints its line, with the text that it returns or the error that it throws. Later steps run anyway. */
export async function step(name: string, act: () => Promise<unknown>): Promise<void> {
  const startedAt = performance.now();
  const elapsed = () => `${((performance.now() - startedAt) / 1000).toFixed(1)} s`;
  try {
    const figures = await act();
    say(`ok    ${name} (${elapsed()})${typeof figures === "string" ? `: ${figures}` : ""}`);
  } catch (error) {
    good = false;
    say(`FAIL  ${name} (${elapsed()}): ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** True unless a step failed. */
export function allGood(): boolean {
  return good;
}

export function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
