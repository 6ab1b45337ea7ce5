/**
 * Gets a trace from a router that keeps them. Every process sends its part shortly after it ended, so a trace that is
 * asked for at once is waited for.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { BatonError, isBatonError } from "@baton/core";
import { isComplete } from "@baton/trace-store";
import { type ExportedSpan, type OtlpExport, rootName, spansFromOtlp } from "@baton/tracing";
import { getFromRouter, type RouterAccess } from "../router/router-api.ts";

const WAIT_MS = 2000;
const POLL_MS = 100;
/** A part arrives within this after the request's end, unless its process is in trouble. */
const SETTLED_MS = 400;

/** A request as `GET /traces` lists it. */
export interface ListedTrace {
  readonly id: string;
  readonly request_id: string;
  /** ISO 8601. */
  readonly start: string;
  readonly duration_ms: number;
  readonly outcome: string;
  readonly spans: number;
}

export interface FetchedTrace {
  readonly spans: readonly ExportedSpan[];
  /** False where parts did not arrive in time. */
  readonly complete: boolean;
}

/** The requests that ended last, latest first. @throws BatonError */
export async function listTraces(router: RouterAccess, limit: number): Promise<readonly ListedTrace[]> {
  const { data } = await getFromRouter<{ data: readonly ListedTrace[] }>(router, `traces?limit=${limit}`);
  return data;
}

/** The trace of the request that ended last. @throws BatonError `not_found` where there is none yet */
export async function lastTraceId(router: RouterAccess): Promise<string> {
  const [last] = await polling(
    () => listTraces(router, 1),
    (traces) => traces.length > 0,
  );
  if (last) return last.request_id;
  throw new BatonError(
    "not_found",
    `Cannot show the last trace of "${router.url}": there is none yet; send a request, and see that --trace-level is above 0`,
  );
}

/** The trace of a request, by the id of either. @throws BatonError `not_found` for one that the router does not have */
export async function fetchTrace(router: RouterAccess, id: string): Promise<FetchedTrace> {
  const path = `traces/${encodeURIComponent(id)}`;
  let missing: BatonError | undefined;
  const spans = await polling(async () => {
    try {
      return spansFromOtlp(await getFromRouter<OtlpExport>(router, path));
    } catch (error) {
      if (!isBatonError(error) || error.code !== "not_found") throw error;
      missing = error;
      return [];
    }
  }, isSettled);
  if (spans.length === 0) throw missing!;
  return { spans, complete: isComplete(spans) };
}

function isSettled(spans: readonly ExportedSpan[]): boolean {
  const root = spans.find(({ name }) => name.startsWith(rootName("")));
  return root !== undefined && isComplete(spans) && Date.now() - Number(root.endNs) / 1e6 > SETTLED_MS;
}

/** Looks until `isDone`, or for so long; gives what it saw last. */
async function polling<T>(look: () => Promise<T>, isDone: (seen: T) => boolean): Promise<T> {
  const giveUpAt = performance.now() + WAIT_MS;
  let seen = await look();
  while (!isDone(seen) && performance.now() < giveUpAt) {
    await sleep(POLL_MS);
    seen = await look();
  }
  return seen;
}
