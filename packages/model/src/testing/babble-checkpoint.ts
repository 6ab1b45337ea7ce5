/**
 * A model that babbles: seeded random weights, a token per byte, answers of letters and spaces that never end by
 * themselves. The answer depends on the whole prompt, so a mistake in the KV shows.
 */
import { join } from "node:path";
import { PLAIN_LLAMA } from "../architectures/llama.ts";
import { TENSOR_NAMES } from "../checkpoint/decoder-tensors.ts";
import type { ModelConfig } from "../checkpoint/model-config.ts";
import type { TokenizerFiles } from "../model-files.ts";
import { BYTE_VOCAB_SIZE, byteTokenizerFiles, SPECIAL_IDS } from "../synth/byte-tokenizer.ts";
import { type CheckpointContent, writeCheckpoint } from "../synth/checkpoint-writer.ts";
import { randomDecoderValues } from "./random-decoder.ts";

/** Name of the model, and of its folder. */
export const BABBLE_MODEL = "babble";
/** The same model with a chat template that knows of tools. */
export const BABBLE_TOOLS_MODEL = "babble-tools";

const SEED = 20_261_120;
const MAX_NEW_TOKENS = 128;
/** What it writes: random bytes would be mostly invalid UTF-8. */
const ALPHABET = " abcdefghijklmnopqrstuvwxyz";
/** Logits are this many times larger than a trained model's scale, so that sampling keeps to the alphabet, too. */
const OUTPUT_GAIN = 6;
/** As Qwen's: tools in a first message, calls between their markers, their results told by the user. */
const TOOLS_TEMPLATE = [
  "{% if tools %}{{ '<|im_start|>system\\n<tools>' }}",
  "{% for tool in tools %}{{ '\\n' + (tool | tojson) }}{% endfor %}",
  "{{ '\\n</tools><|im_end|>\\n' }}{% endif %}",
  "{% for message in messages %}",
  "{% if message.role == 'tool' %}",
  "{{ '<|im_start|>user\\n<tool_response>\\n' + message.content + '\\n</tool_response><|im_end|>\\n' }}",
  "{% else %}{{ '<|im_start|>' + message.role + '\\n' + message.content }}",
  "{% for call in message.tool_calls or [] %}",
  '{{ \'<tool_call>\\n{"name": "\' + call.function.name + \'", "arguments": \' }}',
  "{{ (call.function.arguments | tojson) + '}\\n</tool_call>' }}",
  "{% endfor %}{{ '<|im_end|>\\n' }}{% endif %}{% endfor %}",
  "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}",
].join("");
const SPACE = 0x20;
/** The space wins more often than a letter, or there would be no words. */
const SPACE_GAIN = 1.6;
const CONFIG: ModelConfig = {
  ...PLAIN_LLAMA,
  vocabSize: BYTE_VOCAB_SIZE,
  hiddenSize: 128,
  intermediateSize: 384,
  layers: 4,
  heads: 4,
  kvHeads: 2,
  headDim: 32,
  maxPositions: 8192,
  normEpsilon: 1e-5,
  ropeTheta: 10_000,
  tiedEmbeddings: false,
  eosTokenIds: [SPECIAL_IDS.endOfText, SPECIAL_IDS.imEnd],
};

/**
 * Makes sure that the model's folder is in `cacheFolder` and as it should be; returns the folder. The files are the
 * same, byte for byte, on every machine, and processes may do this at once.
 */
export async function ensureBabbleCheckpoint(cacheFolder: string): Promise<string> {
  return ensure(join(cacheFolder, BABBLE_MODEL), byteTokenizerFiles());
}

/** As `ensureBabbleCheckpoint`, for the model with tools. */
export async function ensureBabbleToolsCheckpoint(cacheFolder: string): Promise<string> {
  return ensure(join(cacheFolder, BABBLE_TOOLS_MODEL), byteTokenizerFiles([], TOOLS_TEMPLATE));
}

async function ensure(folder: string, tokenizer: TokenizerFiles): Promise<string> {
  await writeCheckpoint(folder, {
    config: CONFIG,
    tokenizer,
    maxNewTokens: MAX_NEW_TOKENS,
    values: babbleValues(),
  });
  return folder;
}

/** Random weights, but an output projection that knows the alphabet alone. */
function babbleValues(): CheckpointContent["values"] {
  const random = randomDecoderValues(SEED);
  const gains = outputGains();
  return (name, shape) => {
    const values = random(name, shape);
    if (name !== TENSOR_NAMES.output) return values;
    return values.map((value, index) => value * gains[Math.floor(index / CONFIG.hiddenSize)]!);
  };
}

/** A factor for each row of the output projection; a row of zeros is a logit of 0, which never wins. */
function outputGains(): readonly number[] {
  return Array.from({ length: BYTE_VOCAB_SIZE }, (_, token) => {
    if (!ALPHABET.includes(String.fromCharCode(token))) return 0;
    return token === SPACE ? OUTPUT_GAIN * SPACE_GAIN : OUTPUT_GAIN;
  });
}
