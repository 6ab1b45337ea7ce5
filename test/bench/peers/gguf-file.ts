/** Writes a checkpoint as GGUF, the format of llama.cpp: the same weights in 4 or 8 bits, a vocabulary of placeholders. */
import { type FileHandle, open } from "node:fs/promises";
import { layerTensorNames, openCheckpoint, TENSOR_NAMES } from "@baton/model/testing";

/** Formats of llama.cpp for blocks of 32 weights: 18 or 34 bytes. */
export type GgufFormat = "Q4_0" | "Q8_0";

const BLOCK = 32;
const FORMATS = { Q4_0: { type: 2, file: 2, bytes: 18 }, Q8_0: { type: 8, file: 7, bytes: 34 } } as const;
const F32 = 0;
const ALIGNMENT = 32;
/** Numbers of the metadata's types. */
const META = { uint32: 4, int32: 5, float32: 6, string: 8, array: 9 } as const;
/** Kinds of tokens. */
const TOKEN = { normal: 1, unknown: 2, control: 3, byte: 6 } as const;

type Checkpoint = Awaited<ReturnType<typeof openCheckpoint>>;
type Config = Checkpoint["config"];

interface Entry {
  readonly name: string;
  readonly source: string;
  readonly rows: number;
  /** Undefined for a vector, which stays float32. */
  readonly columns?: number;
  /** Llama's layout pairs neighbours in the rotary embedding, Hugging Face's pairs halves: the rows of so many heads change places. */
  readonly interleaveHeads?: number;
}

/** Writes the file; Llama and Qwen2 checkpoints. */
export async function writeGguf(checkpointFolder: string, path: string, format: GgufFormat): Promise<void> {
  await using checkpoint = await openCheckpoint(checkpointFolder);
  await using file = await open(path, "w");
  const entries = entriesOf(checkpoint.config);
  await file.appendFile(header(checkpoint.config, entries, format));
  for (const entry of entries) await writeTensor(file, checkpoint, entry, format);
}

function entriesOf(config: Config): readonly Entry[] {
  const { architecture, vocabSize, hiddenSize, intermediateSize, heads, kvHeads, headDim } = config;
  const isLlama = architecture === "LlamaForCausalLM";
  const output = { name: "output.weight", source: TENSOR_NAMES.output, rows: vocabSize, columns: hiddenSize };
  const layers = Array.from({ length: config.layers }, (_, layer): Entry[] => {
    const names = layerTensorNames(layer);
    const entry = (name: string, source: string, rows: number, columns?: number): Entry => ({
      name: `blk.${layer}.${name}`,
      source,
      rows,
      ...(columns !== undefined && { columns }),
    });
    const rotated = (query: Entry, count: number): Entry =>
      isLlama ? { ...query, interleaveHeads: count } : query;
    const biases = [
      entry("attn_q.bias", names.queryBias, heads * headDim),
      entry("attn_k.bias", names.keyBias, kvHeads * headDim),
      entry("attn_v.bias", names.valueBias, kvHeads * headDim),
    ];
    return [
      entry("attn_norm.weight", names.attentionNorm, hiddenSize),
      rotated(entry("attn_q.weight", names.query, heads * headDim, hiddenSize), heads),
      rotated(entry("attn_k.weight", names.key, kvHeads * headDim, hiddenSize), kvHeads),
      entry("attn_v.weight", names.value, kvHeads * headDim, hiddenSize),
      ...(config.qkvBias ? biases : []),
      entry("attn_output.weight", names.attentionOut, hiddenSize, heads * headDim),
      entry("ffn_norm.weight", names.mlpNorm, hiddenSize),
      entry("ffn_gate.weight", names.gate, intermediateSize, hiddenSize),
      entry("ffn_up.weight", names.up, intermediateSize, hiddenSize),
      entry("ffn_down.weight", names.down, hiddenSize, intermediateSize),
    ];
  });
  return [
    { name: "token_embd.weight", source: TENSOR_NAMES.embedding, rows: vocabSize, columns: hiddenSize },
    ...layers.flat(),
    { name: "output_norm.weight", source: TENSOR_NAMES.finalNorm, rows: hiddenSize },
    ...(config.tiedEmbeddings ? [] : [output]),
  ];
}

function header(config: Config, entries: readonly Entry[], format: GgufFormat): Buffer {
  const metadata = metadataOf(config, format);
  let offset = 0;
  const infos = entries.map(({ name, rows, columns }) => {
    const dims = columns === undefined ? [rows] : [columns, rows];
    const type = columns === undefined ? F32 : FORMATS[format].type;
    const info = [string(name), u32(dims.length), ...dims.map(u64), u32(type), u64(offset)];
    offset += padded(tensorBytes(rows, columns, format));
    return Buffer.concat(info);
  });
  const head = Buffer.concat([
    Buffer.from("GGUF"),
    u32(3),
    u64(entries.length),
    u64(metadata.length),
    ...metadata,
    ...infos,
  ]);
  return Buffer.concat([head, Buffer.alloc(padded(head.length) - head.length)]);
}

function metadataOf(config: Config, format: GgufFormat): readonly Buffer[] {
  const family = config.architecture === "LlamaForCausalLM" ? "llama" : "qwen2";
  const { vocabSize } = config;
  const kinds = Array.from({ length: vocabSize }, (_, id) => tokenKind(id));
  const text = (key: string, value: string) => Buffer.concat([string(key), u32(META.string), string(value)]);
  const whole = (key: string, value: number) => Buffer.concat([string(key), u32(META.uint32), u32(value)]);
  const float = (key: string, value: number) => Buffer.concat([string(key), u32(META.float32), f32(value)]);
  const array = (key: string, type: number, items: readonly Buffer[]) =>
    Buffer.concat([string(key), u32(META.array), u32(type), u64(items.length), ...items]);
  return [
    text("general.architecture", family),
    text("general.name", "synth"),
    whole("general.file_type", FORMATS[format].file),
    whole(`${family}.block_count`, config.layers),
    whole(`${family}.context_length`, config.maxPositions),
    whole(`${family}.embedding_length`, config.hiddenSize),
    whole(`${family}.feed_forward_length`, config.intermediateSize),
    whole(`${family}.attention.head_count`, config.heads),
    whole(`${family}.attention.head_count_kv`, config.kvHeads),
    float(`${family}.attention.layer_norm_rms_epsilon`, config.normEpsilon),
    whole(`${family}.rope.dimension_count`, config.headDim),
    float(`${family}.rope.freq_base`, config.ropeTheta),
    whole(`${family}.vocab_size`, vocabSize),
    text("tokenizer.ggml.model", "llama"),
    array(
      "tokenizer.ggml.tokens",
      META.string,
      kinds.map((kind, id) => string(tokenText(kind, id))),
    ),
    array(
      "tokenizer.ggml.scores",
      META.float32,
      kinds.map((_, id) => f32(-id)),
    ),
    array(
      "tokenizer.ggml.token_type",
      META.int32,
      kinds.map((kind) => u32(kind)),
    ),
    whole("tokenizer.ggml.bos_token_id", 1),
    whole("tokenizer.ggml.eos_token_id", 2),
  ];
}

/** Unknown, begin, end, 256 bytes, then words. */
function tokenKind(id: number): number {
  if (id === 0) return TOKEN.unknown;
  if (id < 3) return TOKEN.control;
  return id < 259 ? TOKEN.byte : TOKEN.normal;
}

function tokenText(kind: number, id: number): string {
  if (kind === TOKEN.byte) return `<0x${(id - 3).toString(16).toUpperCase().padStart(2, "0")}>`;
  return kind === TOKEN.normal ? `t${id}` : ["<unk>", "<s>", "</s>"][id]!;
}

async function writeTensor(
  file: FileHandle,
  { config, tensors }: Checkpoint,
  { source, rows, columns, interleaveHeads }: Entry,
  format: GgufFormat,
): Promise<void> {
  const values = new Float32Array(rows * (columns ?? 1));
  let filled = 0;
  for await (const piece of tensors.read(source)) {
    values.set(piece, filled);
    filled += piece.length;
  }
  const size = tensorBytes(rows, columns, format);
  const bytes = Buffer.alloc(padded(size));
  if (columns === undefined) {
    bytes.set(new Uint8Array(values.buffer));
  } else {
    const quantize = format === "Q4_0" ? quantizeQ4 : quantizeQ8;
    const half = config.headDim / 2;
    for (let row = 0; row < rows; row++) {
      const inHead = row % config.headDim;
      const swapped = row - inHead + (inHead % 2) * half + Math.floor(inHead / 2);
      const from = interleaveHeads === undefined ? row : swapped;
      for (let column = 0; column < columns; column += BLOCK) {
        const at = ((row * columns + column) / BLOCK) * FORMATS[format].bytes;
        quantize(values, from * columns + column, bytes, at);
      }
    }
  }
  await file.appendFile(bytes);
}

/** Sixteen levels: the block's value of largest magnitude is exactly -8 scales. */
function quantizeQ4(values: Float32Array, start: number, bytes: Buffer, at: number): void {
  let extreme = 0;
  for (let i = 0; i < BLOCK; i++) {
    const value = values[start + i]!;
    if (Math.abs(value) > Math.abs(extreme)) extreme = value;
  }
  const scale = extreme / -8;
  bytes.writeUInt16LE(float16(scale), at);
  const level = (i: number) => Math.min(15, Math.floor(scaled(values[start + i]!, scale) + 8.5));
  for (let i = 0; i < BLOCK / 2; i++) bytes[at + 2 + i] = level(i) | (level(i + BLOCK / 2) << 4);
}

function quantizeQ8(values: Float32Array, start: number, bytes: Buffer, at: number): void {
  let largest = 0;
  for (let i = 0; i < BLOCK; i++) largest = Math.max(largest, Math.abs(values[start + i]!));
  const scale = largest / 127;
  bytes.writeUInt16LE(float16(scale), at);
  for (let i = 0; i < BLOCK; i++) bytes.writeInt8(Math.round(scaled(values[start + i]!, scale)), at + 2 + i);
}

function scaled(value: number, scale: number): number {
  return scale === 0 ? 0 : value / scale;
}

/** Bits of the nearest half-precision number towards zero; scales are neither tiny nor huge. */
function float16(value: number): number {
  const bits = new Uint32Array(Float32Array.of(value).buffer)[0]!;
  const exponent = ((bits >>> 23) & 0xff) - 112;
  const sign = (bits >>> 16) & 0x8000;
  return exponent <= 0 ? sign : sign | (exponent << 10) | ((bits >>> 13) & 0x3ff);
}

function tensorBytes(rows: number, columns: number | undefined, format: GgufFormat): number {
  return columns === undefined ? rows * 4 : ((rows * columns) / BLOCK) * FORMATS[format].bytes;
}

function padded(bytes: number): number {
  return Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
}

function string(text: string): Buffer {
  const bytes = Buffer.from(text);
  return Buffer.concat([u64(bytes.length), bytes]);
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function u64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}

function f32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeFloatLE(value);
  return bytes;
}
