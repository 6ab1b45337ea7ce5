/**
 * How a worker divides its KV memory. A worker that decodes gives half to the pages of the batch and half to blocks: a
 * sequence that is retracted from there is computed again in blocks, so each half must hold the longest sequence.
 */
import {
  type KvLayout,
  kvBytesPerBlock,
  type PageDtype,
  pageBytesPerToken,
  type WorkerRole,
} from "@baton/core";
import { PAGE_TOKENS } from "@baton/engine";

export interface KvBudget {
  readonly kvBlocks: number;
  /** Tokens that fit into the pages of the decode batch. */
  readonly batchTokens: number;
  /** Longest prompt plus answer that the memory has room for. */
  readonly maxTokens: number;
}

export function kvBudget(bytes: number, layout: KvLayout, role: WorkerRole, dtype: PageDtype): KvBudget {
  const decodes = role !== "prefill";
  const blockBytes = decodes ? bytes / 2 : bytes;
  const kvBlocks = Math.max(1, Math.floor(blockBytes / kvBytesPerBlock(layout)));
  const batchTokens = decodes
    ? Math.max(PAGE_TOKENS, Math.floor(bytes / 2 / pageBytesPerToken(layout, dtype)))
    : PAGE_TOKENS;
  const blockTokens = kvBlocks * layout.blockSize;
  const pageLimit = Math.floor(batchTokens / PAGE_TOKENS) * PAGE_TOKENS;
  return { kvBlocks, batchTokens, maxTokens: decodes ? Math.min(blockTokens, pageLimit) : blockTokens };
}
