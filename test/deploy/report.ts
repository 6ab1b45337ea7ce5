/** Steps that build on each other, each with a line that says how it went. */

/** Runs one step and prints its line; a text that it returns is printed behind it. @throws what the step throws. */
export async function step(name: string, act: () => Promise<unknown>): Promise<void> {
  const startedAt = performance.now();
  const elapsed = () => `${((performance.now() - startedAt) / 1000).toFixed(1)} s`;
  try {
    const figures = await act();
    say(`ok    ${name} (${elapsed()})${typeof figures === "string" ? `: ${figures}` : ""}`);
  } catch (error) {
    say(`FAIL  ${name} (${elapsed()})`);
    throw error;
  }
}

export function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
