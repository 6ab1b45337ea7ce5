/** Asks a router over HTTP; what goes wrong is an error that says what to do. */
import { BatonError, isErrorCode } from "@baton/core";

/** Longest time for one answer, in ms. */
const TIMEOUT_MS = 5000;

/** A router, and what it wants to know of whoever asks. */
export interface RouterAccess {
  readonly url: string;
  readonly adminKey?: string | undefined;
}

/**
 * The JSON that the router answers to `GET path`.
 * @throws BatonError `unavailable` where nothing answers, the router's own error, `invalid_argument` where it is no router
 */
export async function getFromRouter<T>(router: RouterAccess, path: string): Promise<T> {
  const response = await ask(router, path);
  const body = await response.json().catch(() => undefined);
  if (response.ok && typeof body === "object" && body !== null) return body as T;
  throw routerError(body) ?? noRouter(router.url, path, response.status);
}

async function ask({ url: baseUrl, adminKey }: RouterAccess, path: string): Promise<Response> {
  const headers = adminKey === undefined ? {} : { authorization: `Bearer ${adminKey}` };
  try {
    const url = new URL(path, withSlash(baseUrl));
    return await fetch(url, { headers, signal: AbortSignal.timeout(TIMEOUT_MS) });
  } catch (cause) {
    throw new BatonError(
      "unavailable",
      `Cannot reach the router at "${baseUrl}": ${reasonOf(cause)}; start one with "npm start", or name it with --url`,
      { cause },
    );
  }
}

/** A path is then below the base's own, not beside it. */
function withSlash(url: string): string {
  return url.endsWith("/") ? url : `${url}/`;
}

/** fetch says only that it failed; why is in its cause. */
export function reasonOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  if (!(cause instanceof Error)) return String(cause);
  return cause.message || ((cause as NodeJS.ErrnoException).code ?? cause.name);
}

function routerError(body: unknown): BatonError | undefined {
  const { error } = (body ?? {}) as { error?: { code?: unknown; message?: unknown } };
  if (typeof error?.message !== "string") return undefined;
  if (error.code === "invalid_api_key") return new BatonError("unauthenticated", error.message);
  if (!isErrorCode(error.code)) return undefined;
  const isRoute = error.code === "not_found" && error.message.includes("there is no such path");
  return isRoute ? undefined : new BatonError(error.code, error.message);
}

function noRouter(baseUrl: string, path: string, status: number): BatonError {
  return new BatonError(
    "invalid_argument",
    `Cannot use "${baseUrl}": it answers ${status} to GET /${path}, expected a Baton router of this version`,
  );
}
