/**
 * How long the parts of one leg took, each measured on its worker's own clock; milliseconds, 0 for a part that the leg
 * did not have. Parts may overlap: KV is sent while the prompt is still being computed.
 */
export interface LegTimings {
  /** From the call until the two sides of the hand-over had met. */
  readonly bootstrapMs: number;
  /** From the call until the first chunk of the prompt was scheduled. */
  readonly prefillWaitMs: number;
  /** From there to the first token. */
  readonly prefillMs: number;
  /** From the first byte of KV to the last. */
  readonly transferMs: number;
  /** From the complete KV to a slot of the batch. */
  readonly decodeWaitMs: number;
  /** From there to the last token. */
  readonly decodeMs: number;
  /** From the call to the first token. */
  readonly firstTokenMs: number;
}

/** A leg of which nothing has happened. */
export const NO_TIMINGS: LegTimings = {
  bootstrapMs: 0,
  prefillWaitMs: 0,
  prefillMs: 0,
  transferMs: 0,
  decodeWaitMs: 0,
  decodeMs: 0,
  firstTokenMs: 0,
};
