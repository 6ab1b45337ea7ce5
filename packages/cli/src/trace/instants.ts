/** Comparing instants in nanoseconds, which are bigints. */

/** The least of them; undefined where there is none. */
export function earliest(instants: Iterable<bigint>): bigint | undefined {
  let least: bigint | undefined;
  for (const instant of instants) if (least === undefined || instant < least) least = instant;
  return least;
}

/** The greatest of them; undefined where there is none. */
export function latest(instants: Iterable<bigint>): bigint | undefined {
  let greatest: bigint | undefined;
  for (const instant of instants) if (greatest === undefined || instant > greatest) greatest = instant;
  return greatest;
}

/** For `sort`. */
export function ascending(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** For `sort`: what starts first, and of those the longest; so whatever contains another comes before it. */
export function outerFirst(
  a: { readonly startNs: bigint; readonly endNs: bigint },
  b: { readonly startNs: bigint; readonly endNs: bigint },
): number {
  return ascending(a.startNs, b.startNs) || ascending(b.endNs, a.endNs);
}
