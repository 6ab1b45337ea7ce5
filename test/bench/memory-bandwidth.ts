/** How fast one core reads memory: what decoding is bound by. */
import { summarize } from "./bench.ts";

/** GB/s of a search through more bytes than caches hold; the search is vectorized, and finds nothing. */
export function readBandwidth(): { readonly value: number; readonly spread: number } {
  const bytes = Buffer.alloc(2 ** 30, 1);
  const samples = Array.from({ length: 9 }, () => {
    const startedAt = performance.now();
    bytes.indexOf(0);
    return bytes.length / (performance.now() - startedAt) / 1e6;
  });
  return summarize(samples);
}
