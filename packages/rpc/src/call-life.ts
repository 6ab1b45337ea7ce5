/** How long a call on the server may go on. */
export interface CallLife {
  /** Epoch ms; Infinity when the caller set none. */
  readonly deadline: number;
  /** Aborts with a BatonError when the caller leaves, the deadline passes or the server shuts down. */
  readonly signal: AbortSignal;
}
