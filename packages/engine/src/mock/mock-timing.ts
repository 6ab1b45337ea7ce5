/** How long a step would take on a GPU: the polynomials of Dynamo's mocker, fitted to a real engine. Milliseconds. */

/** Time for `tokens` new prompt tokens, over all chunks of a step. */
export function prefillMs(tokens: number): number {
  return tokens === 0 ? 0 : 4.209989e-7 * tokens ** 2 + 1.518344e-2 * tokens + 16.50142;
}

/** Time for one token of every running sequence; `use` is the share of the KV memory that they fill, from 0 to 1. */
export function decodeMs(use: number): number {
  return Math.max(1, -25.74 * use ** 2 + 54.01 * use + 5.74);
}
