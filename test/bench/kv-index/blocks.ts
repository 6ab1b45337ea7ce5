/** Prompts and caches for the bench of the KV index. Names of blocks are drawn at random: they are hashes. */
import type { BlockNames } from "@baton/routing";

export const BLOCK_SIZE = 16;
export const PROMPT_BLOCKS = 8192 / BLOCK_SIZE;
const SYSTEM_PROMPTS = 16;
const SYSTEM_BLOCKS = 64;

/** Uniform 32-bit numbers that repeat from run to run. */
export function createDice(seed: number): () => number {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}

/** One conversation of full length, and who caches how much of it: the index of a worker and a count of blocks. */
export interface Conversation {
  readonly names: BlockNames;
  readonly holders: readonly { readonly worker: number; readonly blocks: number }[];
}

/**
 * Conversations with at least `blocks` distinct blocks in all. Each begins with one of 16 system prompts of 1,024 tokens;
 * one worker has all of it, and every fourth is in part on a second worker, as after a move.
 */
export function drawConversations(blocks: number, workers: number, dice: () => number): Conversation[] {
  const draw = (count: number) => Int32Array.from({ length: 2 * count }, dice);
  const systems = Array.from({ length: SYSTEM_PROMPTS }, () => draw(SYSTEM_BLOCKS));
  const own = PROMPT_BLOCKS - SYSTEM_BLOCKS;
  return Array.from({ length: Math.ceil(blocks / own) }, (_, i) => {
    const names = joined(systems[i % SYSTEM_PROMPTS]!, draw(own));
    const holders = [{ worker: dice() % workers, blocks: PROMPT_BLOCKS }];
    if (i % 4 === 0) holders.push({ worker: dice() % workers, blocks: SYSTEM_BLOCKS + (dice() % own) });
    return { names, holders };
  });
}

/** The prompts that are looked up, by what is cached of them. */
export function drawPrompts(all: readonly Conversation[], dice: () => number): Record<string, BlockNames[]> {
  const draw = (count: number) => Int32Array.from({ length: 2 * count }, dice);
  const some = () => all[dice() % all.length]!.names;
  const upTo = (blocks: number) => joined(some().subarray(0, 2 * blocks), draw(PROMPT_BLOCKS - blocks));
  const times = (of: () => BlockNames) => Array.from({ length: 2000 }, of);
  return {
    "all of it cached": times(some),
    "cached up to anywhere": times(() => upTo(SYSTEM_BLOCKS + (dice() % (PROMPT_BLOCKS - SYSTEM_BLOCKS)))),
    "system prompt cached": times(() => upTo(SYSTEM_BLOCKS)),
    "nothing cached": times(() => draw(PROMPT_BLOCKS)),
  };
}

function joined(first: BlockNames, second: BlockNames): BlockNames {
  const all = new Int32Array(first.length + second.length);
  all.set(first);
  all.set(second, first.length);
  return all;
}
