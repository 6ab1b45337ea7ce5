/** `baton model quality`: what a format of weights costs, measured on a text. */
import { readFile } from "node:fs/promises";
import { configOrExit, defineSettings, modelSettings, setting } from "@baton/config";
import { BatonError, type PageDtype } from "@baton/core";
import { ForcedSequences } from "@baton/engine";
import { EXIT_CODE } from "@baton/lifecycle";
import {
  type CompiledModel,
  prepareModel,
  readTokenizerFiles,
  resolveModel,
  type WeightFormat,
} from "@baton/model";
import { loadTokenizer } from "@baton/tokenizer";
import { print } from "../command.ts";
import { type QualityFigures, QualityMeter } from "./quality-figures.ts";

/** Tokens of one stretch of text; the first half is the prompt, the second is scored. */
const WINDOW_TOKENS = 256;
const PROMPT_TOKENS = WINDOW_TOKENS / 2;
/** Stretches computed at once. */
const BATCH = 8;
const BLOCK_SIZE = 16;

const { model: _model, weights: _weights, ...placeSettings } = modelSettings;

export const qualitySettings = defineSettings(
  "baton model quality",
  {
    weights: setting.choice({
      flag: "weights",
      choices: ["all", "fp32", "int8", "int4"],
      default: "all",
      doc: "Format to compare with fp32",
    }),
    kvDtype: setting.choice({
      flag: "kv-dtype",
      choices: ["all", "fp32", "int8"],
      default: "all",
      doc: "Elements of the KV of running sequences, to compare with fp32",
    }),
    text: setting.text({
      flag: "text",
      doc: "File with the text to predict, of a kind that the model knows",
    }),
    windows: setting.integer({
      flag: "windows",
      min: 1,
      max: 10_000,
      default: 32,
      doc: `Most stretches of ${WINDOW_TOKENS} tokens of the text that are used`,
    }),
    threads: setting.integer({ flag: "threads", min: 1, max: 1024, default: 1, doc: "Processor threads" }),
    ...placeSettings,
  },
  { name: "MODEL", doc: "As --model of baton up", min: 1, max: 1 },
);

export async function measureQuality(argv: readonly string[]): Promise<number> {
  const config = configOrExit(qualitySettings, argv);
  const { cacheFolder, threads } = config;
  const { folder } = await resolveModel({ ...config, model: config.operands[0]! });
  const windows = await readWindows(folder, config.text, config.windows);
  const reference = await prepareModel(folder, { cacheFolder, weights: "fp32" });
  await using expected = await load(reference, "fp32", threads);
  print("weights  kv    perplexity  KL divergence  same top token  positions");
  for (const weights of chosen(config.weights)) {
    const tested = await prepareModel(folder, { cacheFolder, weights });
    for (const pageDtype of config.kvDtype === "all" ? (["fp32", "int8"] as const) : [config.kvDtype]) {
      await using actual = await load(tested, pageDtype, threads);
      print(row(weights, pageDtype, await compare(expected, actual, windows)));
    }
  }
  return EXIT_CODE.ok;
}

function chosen(weights: WeightFormat | "all"): readonly WeightFormat[] {
  return weights === "all" ? ["fp32", "int8", "int4"] : [weights];
}

/** The text as stretches of tokens, evenly spread over it. */
async function readWindows(folder: string, text: string | undefined, most: number) {
  if (text === undefined)
    throw new BatonError(
      "invalid_argument",
      "Cannot measure without a text: --text is missing, expected a file",
    );
  const tokenizer = loadTokenizer(await readTokenizerFiles(folder));
  const tokens = tokenizer.encode(await readText(text), { addSpecialTokens: false });
  const available = Math.floor(tokens.length / WINDOW_TOKENS);
  if (available === 0) {
    throw new BatonError(
      "invalid_argument",
      `Cannot measure with "${text}": it has ${tokens.length} tokens, expected at least ${WINDOW_TOKENS}`,
    );
  }
  const count = Math.min(most, available);
  return Array.from({ length: count }, (_, index) => {
    const begin = Math.floor((index * available) / count) * WINDOW_TOKENS;
    return tokens.slice(begin, begin + WINDOW_TOKENS);
  });
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    throw new BatonError("invalid_argument", `Cannot read "${path}": ${(cause as Error).message}`, { cause });
  }
}

/** Runs both models along the text, position by position. */
async function compare(
  expected: ForcedSequences,
  actual: ForcedSequences,
  windows: readonly (readonly number[])[],
): Promise<QualityFigures> {
  const meter = new QualityMeter();
  for (let begin = 0; begin < windows.length; begin += BATCH) {
    const batch = windows.slice(begin, begin + BATCH);
    const theirs = actual.logits(batch, PROMPT_TOKENS);
    for await (const { sequence, position, logits } of expected.logits(batch, PROMPT_TOKENS)) {
      const other = (await theirs.next()).value!;
      const next = batch[sequence]![position + 1];
      if (next !== undefined) meter.add(logits, other.logits, next);
    }
  }
  return meter.figures();
}

function load(model: CompiledModel, pageDtype: PageDtype, threads: number): Promise<ForcedSequences> {
  const spec = { ...model.runner(BLOCK_SIZE, pageDtype), threads };
  return ForcedSequences.load({ ...spec, roles: ["prefill", "decode"] }, BATCH, WINDOW_TOKENS);
}

function row(weights: string, pageDtype: PageDtype, figures: QualityFigures): string {
  return [
    weights.padEnd(9),
    pageDtype.padEnd(4),
    figures.perplexity.toFixed(3).padStart(12),
    figures.divergence.toFixed(5).padStart(15),
    `${(figures.agreement * 100).toFixed(2)} %`.padStart(16),
    `${figures.positions}`.padStart(11),
  ].join("");
}
