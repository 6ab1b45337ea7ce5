/** `POST /flush_cache`: every worker forgets what its prefix cache holds and no running sequence uses. */
import { BatonError, type WorkerRecord } from "@baton/core";
import type { CacheFlush, CallOptions } from "@baton/rpc";
import type { FastifyInstance } from "fastify";

/** How long one worker may take, in ms. */
const TIMEOUT_MS = 5000;

export interface FlushCacheParts {
  readonly workers: () => readonly WorkerRecord[];
  readonly flush: (worker: WorkerRecord, options: CallOptions) => Promise<CacheFlush>;
}

export function addFlushCache(app: FastifyInstance, { workers, flush }: FlushCacheParts): void {
  app.post("/flush_cache", { config: { admin: true } }, async () => {
    const data = await Promise.all(workers().map((worker) => flushed(worker, flush)));
    return { object: "list", success: data.every((entry) => entry.error === undefined), data };
  });
}

/** A worker that cannot be reached does not keep the others from being flushed. */
async function flushed(worker: WorkerRecord, flush: FlushCacheParts["flush"]) {
  const { id, epoch } = worker;
  try {
    const { freedBlocks, keptBlocks } = await flush(worker, { signal: AbortSignal.timeout(TIMEOUT_MS) });
    return { id, epoch, freed_blocks: freedBlocks, kept_blocks: keptBlocks };
  } catch (reason) {
    const { code, message } = BatonError.from(reason);
    return { id, epoch, error: { code, message } };
  }
}
