/** The length of slots that hold `tokens` tokens and room for one more. */
export function slotLengthFor(tokens: number, step: number): number {
  return Math.ceil((tokens + 1) / step) * step;
}

/**
 * The length of the slots of a batch whose longest sequence has `longest` tokens. Another length means copying the
 * batch, so slots are not made shorter until half would do, or until they must be for the batch to fit.
 */
export function nextSlotLength(
  current: number,
  batch: { readonly count: number; readonly longest: number },
  limits: { readonly slotTokens: number; readonly slotStep: number },
): number {
  const needed = slotLengthFor(batch.longest, limits.slotStep);
  const mayStay = needed <= current && needed * 2 > current && batch.count * current <= limits.slotTokens;
  return mayStay ? current : needed;
}
