/** Pages for a sequence of `tokens` tokens that takes one more step. */
export function pagesFor(tokens: number, pageTokens: number): number {
  return Math.ceil((tokens + 1) / pageTokens);
}
