/**
 * A key as the router keeps it: its hash. The key itself is in nobody's memory once it was read, so that no log, trace
 * or dump can hold it.
 */
import { createHash, timingSafeEqual } from "node:crypto";

/** What a key may use; undefined is without a limit. */
export interface KeyLimits {
  /** Requests per minute. */
  readonly requestsPerMinute: number | undefined;
  /** Tokens per minute, of prompts and answers together. */
  readonly tokensPerMinute: number | undefined;
  /** Requests at once. */
  readonly concurrent: number | undefined;
}

export interface ApiKey {
  /** What logs call it. */
  readonly name: string;
  readonly hash: Buffer;
  /** Those that the key has of its own. */
  readonly limits: Partial<KeyLimits>;
}

/** Characters that a bearer token may have (RFC 6750). */
export const KEY_FORM = /^[A-Za-z0-9\-._~+/]+=*$/;

/** Of equal length for all keys, which is what a comparison in constant time needs. */
export function hashOfKey(key: string): Buffer {
  return createHash("sha256").update(key).digest();
}

/** The key that was presented. All are compared, so that the time taken tells nothing of which one is close. */
export function findKey<K extends Pick<ApiKey, "hash">>(
  keys: readonly K[],
  presented: string,
): K | undefined {
  const hash = hashOfKey(presented);
  let found: K | undefined;
  for (const key of keys) {
    if (timingSafeEqual(key.hash, hash)) found = key;
  }
  return found;
}

/** The token of `Authorization: Bearer …`; undefined where the header is absent or says something else. */
export function bearerToken(header: string | undefined): string | undefined {
  return /^Bearer +([^ ]+) *$/i.exec(header ?? "")?.[1];
}
