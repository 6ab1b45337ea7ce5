/** Waiting for a state of another process that nothing announces. */

/** How to wait. */
export interface EventuallyOptions {
  /** Gives up after this long. */
  readonly timeoutMs?: number;
  /** Looks this often. */
  readonly intervalMs?: number;
}

/** Looks until `look` returns something other than undefined or false; fails with the last thing it said or threw. */
export async function eventually<T>(
  what: string,
  look: () => Promise<T | undefined | false>,
  { timeoutMs = 15_000, intervalMs = 5 }: EventuallyOptions = {},
): Promise<T> {
  const giveUpAt = performance.now() + timeoutMs;
  let last: unknown;
  while (performance.now() < giveUpAt) {
    try {
      const seen = await look();
      if (seen !== undefined && seen !== false) return seen;
      last = seen;
    } catch (error) {
      last = error;
    }
    await new Promise((resolve) => setTimeout(resolve, intervalMs));
  }
  const detail = last instanceof Error ? last.message : JSON.stringify(last);
  throw new Error(`Cannot see "${what}" within ${timeoutMs} ms: the last look gave ${detail}`);
}
