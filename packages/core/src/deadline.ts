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
  const startedAt = systemClock.now();
  const onAbort = () => controller.abort(parent?.reason);
  let timer: NodeJS.Timeout | undefined;
  const arm = () => {
    const left = deadline - systemClock.now();
    if (left <= 0) {
      const limit = Math.max(0, Math.round(deadline - startedAt));
      controller.abort(
        new BatonError(
          "deadline_exceeded",
          `Cannot finish within ${limit} ms: the request's deadline passed`,
        ),
      );
    } else {
      timer = setTimeout(arm, Math.min(left, MAX_TIMER_MS));
    }
  };
  if (parent?.aborted) onAbort();
  else {
    parent?.addEventListener("abort", onAbort, { once: true });
    arm();
  }
  return {
    signal: controller.signal,
    [Symbol.dispose]() {
      clearTimeout(timer);
      parent?.removeEventListener("abort", onAbort);
    },
  };
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
