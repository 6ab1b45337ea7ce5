import { systemClock } from "./clock.ts";
import { BatonError } from "./errors.ts";

/** Node's timers overflow above this; a longer wait is split. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** A signal with the duty to let go of its timer. */
export interface DeadlineSignal extends Disposable {
  readonly signal: AbortSignal;
}

/**
 * Aborts with `deadline_exceeded` when `deadline` (epoch ms) passes, or with the reason of `parent` when that aborts.
 * Whoever creates it disposes of it (`using`), which clears the timer and the listener.
 */
export function deadlineSignal(deadline: number, parent?: AbortSignal): DeadlineSignal {
  const controller = new AbortController();
  const stopFollowing = parent && abortWith(parent, controller);
  const timer = abortAt(deadline, controller);
  return {
    signal: controller.signal,
    [Symbol.dispose]() {
      timer[Symbol.dispose]();
      stopFollowing?.();
    },
  };
}

/** Aborts with `deadline_exceeded` when `deadline` (epoch ms) passes; disposing of the result clears the timer. */
export function abortAt(deadline: number, controller: AbortController): Disposable {
  const startedAt = systemClock.now();
  let timer: NodeJS.Timeout | undefined;
  const arm = () => {
    if (controller.signal.aborted) return;
    const left = deadline - systemClock.now();
    if (left > 0) timer = setTimeout(arm, Math.min(left, MAX_TIMER_MS));
    else controller.abort(passed(deadline - startedAt));
  };
  arm();
  return { [Symbol.dispose]: () => clearTimeout(timer) };
}

/**
 * Aborts when the parent does, with its reason; the result ends this, and must be called. `AbortSignal.any` needs no
 * end, and costs ten times as much.
 */
export function abortWith(parent: AbortSignal, controller: AbortController): () => void {
  const onAbort = () => controller.abort(parent.reason);
  if (parent.aborted) onAbort();
  else parent.addEventListener("abort", onAbort, { once: true });
  return () => parent.removeEventListener("abort", onAbort);
}

function passed(limitMs: number): BatonError {
  const limit = Math.max(0, Math.round(limitMs));
  return new BatonError(
    "deadline_exceeded",
    `Cannot finish within ${limit} ms: the request's deadline passed`,
  );
}

/** Rejects with the signal's reason as a BatonError once it aborts, else settles as `promise` does. */
export async function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  if (signal.aborted) {
    promise.catch(() => {}); // The caller learns of the abort; the late outcome has no reader.
    throw BatonError.from(signal.reason, "canceled");
  }
  const aborted = Promise.withResolvers<never>();
  const onAbort = () => aborted.reject(BatonError.from(signal.reason, "canceled"));
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([promise, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
