/** Who may make a call: a pure decision over the route, the port that it came to, and what the caller says of itself. */
import { assertNever, BatonError } from "@baton/core";
import { ApiError } from "../api-error.ts";
import { type AdminPlace, isLoopback } from "./admin-place.ts";
import { type ApiKey, bearerToken, findKey } from "./api-key.ts";

/** Whom a route is for: everybody (probes and metrics), those with a key, or the cluster's operators. */
export type Audience = "everybody" | "clients" | "operators";

/** A call, as far as it matters here. */
export interface Call {
  /** "GET /workers": for messages. */
  readonly name: string;
  readonly audience: Audience;
  /** The port that it came to. */
  readonly port: "api" | "admin";
  readonly headers: {
    readonly authorization?: string | undefined;
    readonly host?: string | undefined;
    /** Set by browsers, for what a page of another site calls. */
    readonly origin?: string | undefined;
  };
}

export interface AccessRules<K extends Pick<ApiKey, "hash"> = ApiKey> {
  /** None: everybody who can reach the API may use it. */
  readonly keys: readonly K[];
  readonly admin: AdminPlace;
}

/**
 * The key that a client used, where keys are asked for.
 * @throws BatonError `unauthenticated` or `permission_denied` for a call that may not be made; it shows no key
 */
export function authorize<K extends Pick<ApiKey, "hash">>(
  call: Call,
  { keys, admin }: AccessRules<K>,
): K | undefined {
  switch (call.audience) {
    case "everybody":
      return undefined;
    case "operators":
      assertOperator(call, admin);
      return undefined;
    case "clients":
      if (call.port === "admin") throw denied(call, "this port is for admin calls, expected the API's");
      return keys.length === 0 ? undefined : keyOf(call, keys);
    default:
      return assertNever(call.audience);
  }
}

function assertOperator(call: Call, admin: AdminPlace): void {
  switch (admin.kind) {
    case "closed":
      throw denied(
        call,
        "this router can be reached from other machines and takes no admin calls, expected BATON_ADMIN_PORT and BATON_ADMIN_KEY to be set",
      );
    case "own-port":
      if (call.port === "api") throw denied(call, "admin calls are taken on BATON_ADMIN_PORT only");
      keyOf(call, [admin]);
      return;
    case "api":
      if (admin.hash) keyOf(call, [{ hash: admin.hash }]);
      else assertLocal(call);
      return;
    default:
      assertNever(admin);
  }
}

/** Without a key, a web page in a browser of this machine and a proxy on it are not its operator. */
function assertLocal(call: Call): void {
  const { origin, host } = call.headers;
  const name = host?.replace(/:\d*$/, "");
  if (origin === undefined && name !== undefined && isLoopback(name)) return;
  throw denied(
    call,
    "it did not come straight from this machine, expected BATON_ADMIN_KEY to be set and used",
  );
}

function keyOf<K extends Pick<ApiKey, "hash">>(call: Call, keys: readonly K[]): K {
  const token = bearerToken(call.headers.authorization);
  if (token === undefined) {
    throw unauthenticated(call, 'there is no key, expected the header "Authorization: Bearer …"');
  }
  const key = findKey(keys, token);
  if (!key) throw unauthenticated(call, "its key is not one that this router knows");
  return key;
}

function unauthenticated(call: Call, problem: string): BatonError {
  return new ApiError("unauthenticated", "invalid_api_key", `Cannot use ${call.name}: ${problem}`);
}

function denied(call: Call, problem: string): BatonError {
  return new BatonError("permission_denied", `Cannot use ${call.name}: ${problem}`);
}
