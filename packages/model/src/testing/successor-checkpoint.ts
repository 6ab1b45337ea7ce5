/**
 * A model whose greedy answer is known: each token has one successor, whatever came before. Its keys and values are
 * random, so that there is KV to move, but attention and MLP add nothing to the residual stream.
 *
 * The answer's text is cut into pieces that are all different, one vocabulary entry each, so that "the token after
 * this one" is well defined even where the text repeats itself. Every token that is no piece leads to the first.
 */

import { PLAIN_LLAMA } from "../architectures/llama.ts";
import { TENSOR_NAMES } from "../checkpoint/decoder-tensors.ts";
import type { ModelConfig } from "../checkpoint/model-config.ts";
import { BYTE_VOCAB_SIZE, byteTokenizerFiles, SPECIAL_IDS } from "../synth/byte-tokenizer.ts";
import { writeCheckpoint } from "../synth/checkpoint-writer.ts";
import { randomDecoderValues } from "./random-decoder.ts";

/** What the model says. */
export interface SuccessorOptions {
  /** The text to repeat; at least two bytes of UTF-8. */
  readonly cycle: string;
  /** After the text: `repeat` it for ever (default), or `stop` with an end token. */
  readonly ending?: "repeat" | "stop";
  /** Longest prompt plus answer, default 4096. */
  readonly maxPositions?: number;
}

/** What was written. */
export interface SuccessorCheckpoint {
  readonly config: ModelConfig;
  /** The answer's tokens, once round. The end token, if any, is not among them. */
  readonly cycleTokenIds: readonly number[];
}

/** Writes the model into `folder`. */
export async function writeSuccessorCheckpoint(
  folder: string,
  options: SuccessorOptions,
): Promise<SuccessorCheckpoint> {
  const pieces = distinctPieces(Buffer.from(options.cycle));
  const cycleTokenIds = pieces.map((_, index) => BYTE_VOCAB_SIZE + index);
  const config = successorConfig(BYTE_VOCAB_SIZE + pieces.length, options.maxPositions ?? 4096);
  const last = options.ending === "stop" ? SPECIAL_IDS.imEnd : cycleTokenIds[0]!;
  const successor = (token: number) =>
    token < BYTE_VOCAB_SIZE ? cycleTokenIds[0]! : (cycleTokenIds[token - BYTE_VOCAB_SIZE + 1] ?? last);
  const values = successorValues(config, successor);
  await writeCheckpoint(folder, { config, tokenizer: byteTokenizerFiles(pieces), maxNewTokens: 64, values });
  return { config, cycleTokenIds };
}

/**
 * Cuts bytes into pieces of two bytes, longer where a piece would repeat an earlier one. Pieces do not respect
 * characters: an emoji of four bytes is always cut. No piece has one byte, because those are the tokens of prompts.
 */
export function distinctPieces(bytes: Buffer): readonly Buffer[] {
  const pieces: string[] = [];
  const hex = bytes.toString("hex");
  for (let begin = 0; begin < hex.length; ) {
    let end = begin + 4;
    while (pieces.includes(hex.slice(begin, end)) && end < hex.length) end += 2;
    pieces.push(hex.slice(begin, end));
    begin = end;
  }
  while (pieces.length > 1 && !isUsable(pieces)) {
    const tail = pieces.pop()!;
    pieces.push(pieces.pop()! + tail);
  }
  return pieces.map((piece) => Buffer.from(piece, "hex"));
}

/** True when the last piece has two bytes or more and is unlike all others. */
function isUsable(pieces: readonly string[]): boolean {
  const last = pieces.at(-1)!;
  return last.length >= 4 && pieces.indexOf(last) === pieces.length - 1;
}

function successorConfig(vocabSize: number, maxPositions: number): ModelConfig {
  return {
    ...PLAIN_LLAMA,
    vocabSize,
    hiddenSize: vocabSize, // One dimension per token.
    intermediateSize: 8,
    layers: 2,
    heads: 2,
    kvHeads: 1,
    headDim: 16,
    maxPositions,
    normEpsilon: 1e-5,
    ropeTheta: 10_000,
    tiedEmbeddings: false,
    eosTokenIds: [SPECIAL_IDS.endOfText, SPECIAL_IDS.imEnd],
  };
}

function successorValues(config: ModelConfig, successor: (token: number) => number) {
  const { vocabSize } = config;
  const random = randomDecoderValues(1);
  const tokens = Array.from({ length: vocabSize }, (_, token) => token);
  return (name: string, shape: readonly number[]): Float32Array => {
    if (name === TENSOR_NAMES.embedding) return onesAt(vocabSize, (token) => token);
    if (name === TENSOR_NAMES.output) return transposedOnesAt(vocabSize, successor);
    if (/(o_proj|down_proj)[.]weight$/.test(name)) return new Float32Array(shape[0]! * shape[1]!);
    return random(name, shape);
  };

  /** Row t has a one at column `column(t)`. */
  function onesAt(size: number, column: (row: number) => number): Float32Array {
    const matrix = new Float32Array(size * size);
    for (const row of tokens) matrix[row * size + column(row)] = 1;
    return matrix;
  }

  /** Column t has a one at row `row(t)`: the output projection turns the one-hot t into the one-hot `row(t)`. */
  function transposedOnesAt(size: number, row: (column: number) => number): Float32Array {
    const matrix = new Float32Array(size * size);
    for (const column of tokens) matrix[row(column) * size + column] = 1;
    return matrix;
  }
}
