/** Who a process is in a trace: the name and attributes of its thread spans. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { hostname, networkInterfaces } from "node:os";
import type { WorkerRole } from "@baton/core";
import { ATTR } from "./names.ts";
import type { Attributes } from "./request-trace.ts";

const MACHINE_ID_FILES = ["/etc/machine-id", "/var/lib/dbus/machine-id"];
const NO_MAC = "00:00:00:00:00:00";
const HOST_DIGITS = 16;
const SHOWN_DIGITS = 8;

/** Name and attributes of a thread span. */
export interface ThreadIdentity {
  readonly name: string;
  readonly attributes: Attributes;
}

/** @param label who it is: `Router`, or what `workerLabel` says */
export function threadIdentity(label: string, workerId: string): ThreadIdentity {
  const host = hostId();
  return {
    name: `${label} (host:${host.slice(0, SHOWN_DIGITS)} | pid:${process.pid})`,
    attributes: {
      [ATTR.hostId]: host,
      [ATTR.pid]: process.pid,
      [ATTR.threadLabel]: label,
      [ATTR.threadWorkerId]: workerId,
      [ATTR.dpRank]: 0,
    },
  };
}

/** `Prefill Worker 0` for the worker "prefill-0"; a worker of another name has it in full. */
export function workerLabel(role: WorkerRole, id: string): string {
  const number = /^[a-z]+-(\d{1,3})$/.exec(id)?.[1];
  return `${role[0]?.toUpperCase()}${role.slice(1)} Worker ${number ?? id}`;
}

/**
 * 16 hex digits that tell hosts apart: a hash over the machine id (or, without one, a network address) and the host
 * name. Hashed, because a machine id is confidential; with the host name, because containers share machine ids.
 */
export function hostId(machine: string = machineId() ?? macAddress() ?? "unknown"): string {
  return createHash("sha256").update(`${machine}/${hostname()}`).digest("hex").slice(0, HOST_DIGITS);
}

function machineId(): string | undefined {
  for (const file of MACHINE_ID_FILES) {
    try {
      const id = readFileSync(file, "utf8").trim();
      if (id !== "") return id;
    } catch {
      // Not every system has it.
    }
  }
  return undefined;
}

function macAddress(): string | undefined {
  return Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .find(({ internal, mac }) => !internal && mac !== NO_MAC)?.mac;
}
