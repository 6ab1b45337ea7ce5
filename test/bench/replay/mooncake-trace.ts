/**
 * Traces in Mooncake's format: one JSON object per line, with the arrival, the lengths, and a name for every 512 tokens
 * of the prompt; equal names mean equal tokens up to there.
 */
import { readFile } from "node:fs/promises";
import { hashTokens } from "@baton/kv-cache";
import { type BlockNames, blockNames } from "@baton/routing";

/** Tokens of a block of the trace. */
export const TRACE_BLOCK_TOKENS = 512;

/**
 * A simulated token stands for so many of the trace's. A block of the trace is then a block of 16, and everything that
 * is counted in blocks is the same, with 32 times fewer tokens to hash and keep.
 */
export const TOKENS_PER_TOKEN = 32;
export const BLOCK_TOKENS = TRACE_BLOCK_TOKENS / TOKENS_PER_TOKEN;

interface TraceLine {
  /** ms since the trace began. */
  readonly timestamp: number;
  readonly input_length: number;
  readonly output_length: number;
  readonly hash_ids: readonly number[];
}

/** A request of a trace, as it is played. */
export interface TraceRequest {
  readonly arrivalMs: number;
  /** The trace's tokens. */
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** Names of the prompt's blocks, the last of which may be part of one. */
  readonly hashIds: readonly number[];
  /** What is simulated in place of the prompt: `TOKENS_PER_TOKEN` times fewer. */
  readonly promptTokenIds: readonly number[];
  /** Names of its full blocks. */
  readonly blocks: BlockNames;
}

/** Reads a trace, or its first `limit` requests. */
export async function readTrace(
  file: string,
  limit = Number.POSITIVE_INFINITY,
): Promise<readonly TraceRequest[]> {
  const lines = (await readFile(file, "utf8")).split("\n").filter((line) => line !== "");
  return lines.slice(0, limit).map((line) => toRequest(JSON.parse(line) as TraceLine));
}

function toRequest(line: TraceLine): TraceRequest {
  const promptTokenIds = promptOf(line);
  return {
    arrivalMs: line.timestamp,
    inputTokens: line.input_length,
    outputTokens: Math.max(1, line.output_length),
    hashIds: line.hash_ids,
    promptTokenIds,
    blocks: blockNames(hashTokens(promptTokenIds, BLOCK_TOKENS).sequenceHashes),
  };
}

/** Equal tokens for equal names, all of them bytes, as the smallest vocabulary has them; a part of a block stays one. */
function promptOf({ input_length: length, hash_ids: ids }: TraceLine): number[] {
  return ids.flatMap((id, index) => {
    const rest = Math.min(TRACE_BLOCK_TOKENS, length - index * TRACE_BLOCK_TOKENS);
    const name = [id & 0xff, (id >> 8) & 0xff, (id >> 16) & 0xff];
    const block = Array.from({ length: BLOCK_TOKENS }, (_, at) => name[at] ?? at);
    // A part must not look like the whole: it ends at least one token short.
    return rest === TRACE_BLOCK_TOKENS ? block : block.slice(0, Math.min(partTokens(rest), BLOCK_TOKENS - 1));
  });
}

function partTokens(traceTokens: number): number {
  return Math.ceil(traceTokens / TOKENS_PER_TOKEN);
}

/** The same request with every length divided by `TOKENS_PER_TOKEN`, as a real worker can be sent it. */
export function shrunk(request: TraceRequest): TraceRequest {
  const outputTokens = Math.ceil(request.outputTokens / TOKENS_PER_TOKEN);
  return { ...request, inputTokens: request.promptTokenIds.length, outputTokens };
}
