/**
 * Sends all requests of one key to one worker, by rendezvous hashing: the worker whose id and the key together hash
 * highest. When a worker leaves, only its own keys move; when one joins, it takes an even share from all others. A ring
 * of points does the same with state to keep and an uneven share per worker.
 */
import type { WorkerPicker } from "../routing-policy.ts";

/** @param otherwise picks for requests without a key */
export function byKey(otherwise: WorkerPicker): WorkerPicker {
  return (candidates, request) => {
    const { affinityKey } = request;
    if (affinityKey === undefined) return otherwise(candidates, request);
    const hashes = candidates.map(({ worker }) => hash(`${affinityKey}\0${worker.record.id}`));
    return candidates[hashes.indexOf(Math.max(...hashes))]!;
  };
}

/** FNV-1a over UTF-16 code units, then the finalizer of MurmurHash3, as FNV alone leaves the high bits to the ends. */
function hash(text: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
