import { setTimeout as sleep } from "node:timers/promises";

const POLL_MS = 100;
/** A router that does not answer within this is asked again; it gives a first token 10 s itself. */
const ANSWER_MS = 15_000;

/**
 * Resolves with true when `GET <baseUrl>/health_generate` answers 200, that is, once a token came through a pair of
 * workers; with false when the signal aborts first. That token also warms the whole way up for the first request.
 */
export async function waitUntilReady(baseUrl: string, signal: AbortSignal): Promise<boolean> {
  while (!signal.aborted) {
    if (await isReady(baseUrl, signal)) return true;
    await sleep(POLL_MS, undefined, { signal }).catch(() => {}); // The loop's condition sees the abort.
  }
  return false;
}

async function isReady(baseUrl: string, signal: AbortSignal): Promise<boolean> {
  try {
    const response = await fetch(`${baseUrl}/health_generate`, {
      signal: AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS)]),
    });
    await response.body?.cancel();
    return response.status === 200;
  } catch {
    return false; // Not listening yet, or again.
  }
}
