/** May a failed request be tried again, and when? Pure answers with their reasons; the waiting is the caller's. */
import { type BatonError, ERROR_TRAITS } from "@baton/core";

/** How often and how soon; `DEFAULT_RETRY_LIMITS` has the defaults. */
export interface RetryLimits {
  /** Attempts before the first token, the first one included. */
  readonly maxAttempts: number;
  /** Times that an answer may move to other workers after its first token. */
  readonly maxMigrations: number;
  /** Longest prompt plus answer that is migrated, in tokens: it is computed anew. */
  readonly maxMigratedTokens: number;
  /** Pause before the second attempt and at most, in ms; each pause is `factor` times the one before. */
  readonly baseMs: number;
  readonly maxMs: number;
  readonly factor: number;
  /** Share of a pause that chance takes off, 0 to 1, so that requests that failed together do not return together. */
  readonly jitter: number;
}

export const DEFAULT_RETRY_LIMITS: RetryLimits = {
  maxAttempts: 3,
  maxMigrations: 3,
  maxMigratedTokens: 32_768,
  baseMs: 50,
  maxMs: 2000,
  factor: 2,
  jitter: 0.5,
};

/** How far a request has come. */
export interface RequestProgress {
  /** Attempts so far, the failed one included. */
  readonly attempts: number;
  /** Moves so far. */
  readonly migrations: number;
  /** Tokens of the answer that left for the client. */
  readonly tokensSent: number;
  readonly promptTokens: number;
  /** The answer needs no more tokens, only its end is missing. */
  readonly complete: boolean;
  /** The client has left, or the router wants the request to end. */
  readonly canceled: boolean;
  /** Epoch ms. */
  readonly deadline: number;
}

/** The answer, and why not. */
export type RetryDecision =
  | { readonly kind: "again"; readonly afterMs: number }
  | { readonly kind: "give_up"; readonly why: string };

/** Before the first token: the pair is tried anew, as the client has seen nothing yet. */
export function mayRetry(error: BatonError, progress: RequestProgress, moment: RetryMoment): RetryDecision {
  if (progress.tokensSent > 0) return giveUp("the client has tokens already: only migration can go on");
  if (progress.attempts >= moment.limits.maxAttempts) return giveUp(`${progress.attempts} attempts failed`);
  return againAfter(error, progress, backoffMs(progress.attempts, moment), moment);
}

/** After the first token: prompt plus tokens so far are computed elsewhere, and the stream goes on without a gap. */
export function mayMigrate(error: BatonError, progress: RequestProgress, moment: RetryMoment): RetryDecision {
  const { limits } = moment;
  const tokens = progress.promptTokens + progress.tokensSent;
  if (progress.tokensSent === 0) return giveUp("no token was sent: a retry is enough");
  if (progress.complete) return giveUp("the answer is complete");
  if (progress.migrations >= limits.maxMigrations) return giveUp(`it moved ${progress.migrations} times`);
  if (tokens > limits.maxMigratedTokens)
    return giveUp(`it has ${tokens} tokens, at most ${limits.maxMigratedTokens} are migrated`);
  // The first move does not wait: the client is watching the stream.
  const afterMs = progress.migrations === 0 ? 0 : backoffMs(progress.migrations, moment);
  return againAfter(error, progress, afterMs, moment);
}

/** What decisions depend on beside the request. */
export interface RetryMoment {
  /** Epoch ms. */
  readonly now: number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly limits: RetryLimits;
}

/** The pause before the attempt after `attempts` failed ones, in ms. */
export function backoffMs(
  attempts: number,
  { random, limits }: Pick<RetryMoment, "random" | "limits">,
): number {
  const full = Math.min(limits.baseMs * limits.factor ** (attempts - 1), limits.maxMs);
  return full * (1 - limits.jitter * random());
}

function againAfter(
  error: BatonError,
  progress: RequestProgress,
  afterMs: number,
  { now }: RetryMoment,
): RetryDecision {
  if (progress.canceled) return giveUp("nobody waits for the answer");
  if (!ERROR_TRAITS[error.code].retryable) return giveUp(`another worker would fail too: ${error.code}`);
  if (now + afterMs >= progress.deadline) return giveUp("the deadline comes first");
  return { kind: "again", afterMs };
}

function giveUp(why: string): RetryDecision {
  return { kind: "give_up", why };
}
