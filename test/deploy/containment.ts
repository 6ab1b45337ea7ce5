/** What a container may do, read from inside it and from the engine. */
import { docker } from "./commands.ts";
import type { Container } from "./stack.ts";

/** The ports that each service listens on, and no other. */
export const PORTS: Readonly<Record<string, readonly number[]>> = {
  gateway: [8000, 8005],
  router: [8000, 8001, 8005],
  "prefill-worker": [8002, 8003, 8004],
  "decode-worker": [8002, 8004],
  redis: [6379],
  prometheus: [9090],
};

const LISTENS = "0A";
/** Docker's name server, inside every container. */
const DOCKER_DNS = "0B00007F";

/** Ports that a container listens on, in ascending order. */
export async function openPorts({ id }: Container): Promise<readonly number[]> {
  const table = await docker("exec", id, "cat", "/proc/net/tcp", "/proc/net/tcp6");
  const ports = table
    .split("\n")
    .map((line) => line.trim().split(/\s+/))
    .filter(([, local, , state]) => state === LISTENS && !local!.startsWith(DOCKER_DNS))
    .map(([, local]) => Number.parseInt(local!.split(":")[1]!, 16));
  return [...new Set(ports)].sort((a, b) => a - b);
}

/** What is wrong with how a container is contained; nothing is the answer that is wanted. */
export async function violations({ id, service }: Container): Promise<readonly string[]> {
  const status = await docker("exec", id, "cat", "/proc/1/status");
  const field = (name: string) => new RegExp(`^${name}:\\s+(\\S+)`, "m").exec(status)?.[1];
  const writes = await docker("exec", id, "sh", "-c", ": > /written").then(
    () => true,
    () => false,
  );
  const facts: readonly (readonly [boolean, string])[] = [
    [field("Uid") === "0", "runs as root"],
    [Number.parseInt(field("CapEff") ?? "1", 16) !== 0, `has the capabilities ${field("CapEff")}`],
    [Number.parseInt(field("CapBnd") ?? "1", 16) !== 0, `could get the capabilities ${field("CapBnd")}`],
    [field("NoNewPrivs") !== "1", "may gain privileges"],
    [writes, "has a writable root filesystem"],
  ];
  return facts.filter(([wrong]) => wrong).map(([, what]) => `${service}: ${what}`);
}
