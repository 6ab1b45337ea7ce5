/**
 * Where Redis is, from one URL:
 *
 *     redis://[user:password@]host[:6379][/db]
 *     redis-cluster://[user:password@]host:port,host:port,…
 *     redis-sentinel://[user:password@]host[:26379],host[:26379],…/name[/db][?sentinelUsername=…&sentinelPassword=…]
 *
 * `rediss`, `rediss-cluster` and `rediss-sentinel` are the same over TLS. User and password are percent-encoded.
 */
import { BatonError, hostPort } from "@baton/core";

export interface RedisNode {
  readonly host: string;
  readonly port: number;
}

interface RedisAccess {
  readonly tls: boolean;
  readonly username?: string;
  readonly password?: string;
}

export type RedisTarget = RedisAccess &
  (
    | { readonly kind: "single"; readonly node: RedisNode; readonly db: number }
    | { readonly kind: "cluster"; readonly nodes: readonly RedisNode[] }
    | {
        readonly kind: "sentinel";
        readonly nodes: readonly RedisNode[];
        /** Name of the primary that the sentinels watch. */
        readonly name: string;
        readonly db: number;
        readonly sentinelUsername?: string;
        readonly sentinelPassword?: string;
      }
  );

const FORM = /^(redis|rediss)(-cluster|-sentinel)?:\/\/(?:([^@/]*)@)?([^/?@]+)(?:\/([^?]*))?(?:\?(.*))?$/;

/** @throws BatonError `invalid_argument` that never shows the password. */
export function parseRedisUrl(url: string): RedisTarget {
  const match = FORM.exec(url);
  if (!match) throw invalid(url, "it is not of a known form");
  const [, scheme, form, userInfo, hosts, path = "", query = ""] = match;
  const access = { tls: scheme === "rediss", ...credentials(userInfo) };
  const nodes = hosts!.split(",").map((host) => nodeOf(host, form === "-sentinel" ? 26_379 : 6379, url));
  const parts = path.split("/").filter((part) => part !== "");
  if (form === "-cluster") {
    if (parts.length > 0) throw invalid(url, "a cluster has no databases to choose from");
    return { kind: "cluster", nodes, ...access };
  }
  if (form === "-sentinel") return sentinel(url, { nodes, parts, query, access });
  if (nodes.length > 1) throw invalid(url, "several hosts are for redis-cluster:// and redis-sentinel://");
  return { kind: "single", node: nodes[0]!, db: databaseOf(parts[0], url), ...access };
}

/**
 * The same place with a password that was given apart from it.
 * @throws BatonError `invalid_argument` where the URL has one too; it never shows either.
 */
export function withRedisPassword(url: string, password: string | undefined): string {
  const match = FORM.exec(url);
  if (password === undefined || !match) return url;
  const [, , , userInfo] = match;
  if (userInfo?.includes(":")) throw invalid(url, "it has a password, and another is given apart from it");
  const start = url.indexOf("//") + 2;
  const hosts = start + (userInfo === undefined ? 0 : userInfo.length + 1);
  return `${url.slice(0, start)}${userInfo ?? ""}:${encodeURIComponent(password)}@${url.slice(hosts)}`;
}

/** The target without its secrets, for logs. */
export function describeRedis(target: RedisTarget): string {
  const scheme = `redis${target.tls ? "s" : ""}`;
  if (target.kind === "single")
    return `${scheme}://${hostPort(target.node.host, target.node.port)}/${target.db}`;
  const nodes = target.nodes.map(({ host, port }) => hostPort(host, port)).join(",");
  return target.kind === "cluster"
    ? `${scheme}-cluster://${nodes}`
    : `${scheme}-sentinel://${nodes}/${target.name}`;
}

function sentinel(
  url: string,
  from: { nodes: RedisNode[]; parts: string[]; query: string; access: RedisAccess },
): RedisTarget {
  const [name, db] = from.parts;
  if (!name) throw invalid(url, "the name of the sentinels' primary is missing");
  const options = new URLSearchParams(from.query);
  const sentinelUsername = options.get("sentinelUsername");
  const sentinelPassword = options.get("sentinelPassword");
  return {
    kind: "sentinel",
    nodes: from.nodes,
    name: decodeURIComponent(name),
    db: databaseOf(db, url),
    ...from.access,
    ...(sentinelUsername && { sentinelUsername }),
    ...(sentinelPassword && { sentinelPassword }),
  };
}

/** `user:password`, `:password` or `user`. */
function credentials(userInfo: string | undefined): Pick<RedisAccess, "username" | "password"> {
  if (!userInfo) return {};
  const [username = "", ...rest] = userInfo.split(":");
  const password = rest.join(":");
  return {
    ...(username && { username: decodeURIComponent(username) }),
    ...(password && { password: decodeURIComponent(password) }),
  };
}

/** `host`, `host:port`, `[v6]` or `[v6]:port`. */
function nodeOf(text: string, defaultPort: number, url: string): RedisNode {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+))(?::(\d{1,5}))?$/.exec(text);
  const port = Number(match?.[3] ?? defaultPort);
  if (!match || port < 1 || port > 65_535) throw invalid(url, `"${text}" is not host:port`);
  return { host: (match[1] ?? match[2])!, port };
}

function databaseOf(text: string | undefined, url: string): number {
  if (text === undefined) return 0;
  if (!/^\d{1,5}$/.test(text)) throw invalid(url, `"${text}" is not the number of a database`);
  return Number(text);
}

function invalid(url: string, problem: string): BatonError {
  // Everything up to the last @, as a password that was not encoded may contain one.
  const shown = url.replace(/\/\/.*@/, "//***@").replace(/\?.*$/, "?***");
  return new BatonError(
    "invalid_argument",
    `Cannot use the Redis URL "${shown}": ${problem}, expected for example redis://user:password@host:6379/0`,
  );
}
