/** Where admin calls are taken: drains, flushes and traces are nothing for whoever can reach the API. */
import { isIPv4 } from "node:net";
import { BatonError } from "@baton/core";
import { hashOfKey } from "./api-key.ts";

export type AdminPlace =
  /** On the API's own port: only this machine can reach it. With a key if one is set. */
  | { readonly kind: "api"; readonly hash: Buffer | undefined }
  /** On a port of their own, with a key. */
  | { readonly kind: "own-port"; readonly hash: Buffer }
  /** Nowhere: others can reach the API, and nothing says who may call. */
  | { readonly kind: "closed" };

export interface AdminSettings {
  /** Address that the API listens on. */
  readonly host: string;
  readonly adminPort: number | undefined;
  readonly adminKey: string | undefined;
}

/** @throws BatonError `invalid_argument` for a port without a key */
export function adminPlace({ host, adminPort, adminKey }: AdminSettings): AdminPlace {
  const hash = adminKey === undefined ? undefined : hashOfKey(adminKey);
  if (adminPort !== undefined) {
    if (hash) return { kind: "own-port", hash };
    throw new BatonError(
      "invalid_argument",
      `Cannot take admin calls on port ${adminPort}: there is no key for them, expected BATON_ADMIN_KEY`,
    );
  }
  return isLoopback(host) ? { kind: "api", hash } : { kind: "closed" };
}

/** True for a host or address that leads from a machine to itself. */
export function isLoopback(host: string): boolean {
  const bare = host.replace(/^\[(.*)\]$/, "$1").toLowerCase();
  return bare === "localhost" || bare === "::1" || (isIPv4(bare) && bare.startsWith("127."));
}
