/** What a container uses, from the engine's own account: a program run inside it would be counted, too. */
import { request } from "node:http";
import { json } from "node:stream/consumers";
import type { Container } from "./stack.ts";

const SOCKET = "/var/run/docker.sock";

/** Since the start of a container, and at this moment. */
export interface Usage {
  readonly processorSeconds: number;
  readonly memoryBytes: number;
}

interface Stats {
  readonly cpu_stats: { readonly cpu_usage: { readonly total_usage: number } };
  readonly memory_stats: { readonly usage: number; readonly stats: Readonly<Record<string, number>> };
}

export async function usageOf({ id }: Container): Promise<Usage> {
  const { cpu_stats, memory_stats } = await ask<Stats>(`/containers/${id}/stats?stream=false&one-shot=true`);
  // Files that the kernel keeps in memory as long as there is room are not the container's.
  const { total_inactive_file, inactive_file = 0 } = memory_stats.stats;
  return {
    processorSeconds: cpu_stats.cpu_usage.total_usage / 1e9,
    memoryBytes: memory_stats.usage - (total_inactive_file ?? inactive_file),
  };
}

function ask<T>(path: string): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  request({ socketPath: SOCKET, path }, (response) => resolve(json(response) as Promise<T>))
    .on("error", reject)
    .end();
  return promise;
}
