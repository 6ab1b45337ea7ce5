/** Upper bounds of histogram buckets. Fixed for all processes: only equal buckets can be added up. */

/** Seconds of a whole request, or of waiting for one: from a token of a small model to a long answer. */
export const REQUEST_SECONDS = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300,
] as const;

/** Seconds of a part of a request: routing takes microseconds, a long prompt minutes. */
export const STAGE_SECONDS = [0.0001, 0.00025, 0.0005, ...REQUEST_SECONDS] as const;

/** Seconds of one step of the engine, which is also the time between two tokens. */
export const STEP_SECONDS = [
  0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.015, 0.02, 0.03, 0.04, 0.05, 0.075, 0.1, 0.25, 0.5, 1, 2.5,
] as const;

/** Bytes per second of one hand-over: from a busy loopback of small blocks to a fast network. */
export const BYTES_PER_SECOND = [1e5, 3e5, 1e6, 3e6, 1e7, 3e7, 1e8, 3e8, 1e9, 3e9, 1e10, 3e10] as const;

/** Sequences that are computed together. */
export const BATCH_SEQUENCES = [0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024] as const;

/** The bounds that OpenTelemetry's conventions for generative AI give for their three server metrics, in seconds. */
export const GEN_AI_REQUEST_SECONDS = [
  0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92,
] as const;
export const GEN_AI_FIRST_TOKEN_SECONDS = [
  0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10,
] as const;
export const GEN_AI_OUTPUT_TOKEN_SECONDS = [
  0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5,
] as const;
