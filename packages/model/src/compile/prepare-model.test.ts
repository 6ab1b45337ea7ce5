import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, readFile, rm, stat, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import onnxProto from "onnx-proto";
import { writeRandomCheckpoint } from "../testing/random-checkpoint.ts";
import { temporaryFolder } from "../testing/temporary-folder.ts";
import { hashModel } from "./hash-model.ts";
import { type CompiledModel, type PrepareProgress, prepareModel } from "./prepare-model.ts";

const FILES = ["decode-int8-pages.onnx", "decode.onnx", "manifest.json", "prefill.onnx", "weights.bin"];

async function preparedModel(folder: string) {
  const checkpoint = join(folder, "tiny");
  const cacheFolder = join(folder, "cache");
  await writeRandomCheckpoint(checkpoint, {}, 1);
  const steps: PrepareProgress["step"][] = [];
  const prepare = () => prepareModel(checkpoint, { cacheFolder, onProgress: ({ step }) => steps.push(step) });
  const model = await prepare();
  return { checkpoint, cacheFolder, model, prepare, steps };
}

async function contentOf(model: CompiledModel): Promise<Record<string, string>> {
  const files = (await readdir(model.folder)).toSorted();
  expect(files).toEqual(FILES);
  const entries = await Promise.all(
    files.map(async (file) => [file, (await readFile(join(model.folder, file))).toString("base64")] as const),
  );
  return Object.fromEntries(entries);
}

describe("Preparing a model", () => {
  test("describes the model and its KV layout", async () => {
    await using folder = await temporaryFolder();
    const { model } = await preparedModel(folder.path);
    expect(model).toMatchObject({ name: "tiny", vocabSize: 259, maxModelTokens: 512 });
    const { modelHash } = model;
    const layout = { layers: 2, kvHeads: 2, headDim: 16, dtype: "float32", blockSize: 32, modelHash };
    expect(model.layout(32)).toEqual(layout);
  });

  test("gives each format of weights an identity and a cache entry of its own", async () => {
    await using folder = await temporaryFolder();
    const { checkpoint, cacheFolder, model } = await preparedModel(folder.path);
    const int8 = await prepareModel(checkpoint, { cacheFolder, weights: "int8" });
    const int4 = await prepareModel(checkpoint, { cacheFolder, weights: "int4" });
    expect(int8.modelHash).toBe(`${model.modelHash}-int8`);
    expect(int4.layout(16).modelHash).toBe(`${model.modelHash}-int4`);
    expect(new Set([model.folder, int8.folder, int4.folder]).size).toBe(3);
    expect(await hashModel(checkpoint, "int8")).toBe(int8.modelHash);
  });

  test("puts every weight on a page of the weights file", async () => {
    await using folder = await temporaryFolder();
    const { model } = await preparedModel(folder.path);
    const graph = onnxProto.onnx.ModelProto.decode(await readFile(model.decodeGraphs.fp32)).graph!;
    const places = graph.initializer!.flatMap(({ externalData }) => externalData ?? []);
    const offsets = places.filter(({ key }) => key === "offset").map(({ value }) => Number(value));
    expect(offsets.length).toBeGreaterThan(10);
    expect(offsets.filter((offset) => offset % 4096 !== 0)).toEqual([]);
  });

  test("compiles once, and only reads the checkpoint the next time", async () => {
    await using folder = await temporaryFolder();
    const { model, prepare, steps } = await preparedModel(folder.path);
    expect(new Set(steps)).toEqual(new Set(["hash", "compile"]));
    steps.length = 0;
    const { ino } = await stat(join(model.folder, "weights.bin"));
    expect((await prepare()).folder).toBe(model.folder);
    expect(new Set(steps)).toEqual(new Set(["hash"]));
    expect((await stat(join(model.folder, "weights.bin"))).ino).toBe(ino);
  });

  test("compiles again into another folder when the checkpoint has changed", async () => {
    await using folder = await temporaryFolder();
    const { checkpoint, model, prepare } = await preparedModel(folder.path);
    await writeRandomCheckpoint(checkpoint, {}, 2);
    expect((await prepare()).folder).not.toBe(model.folder);
  });

  test.each<readonly [string, (folder: string) => Promise<void>]>([
    ["a file is missing", (entry) => rm(join(entry, "decode.onnx"))],
    ["the manifest is missing, as after a kill", (entry) => rm(join(entry, "manifest.json"))],
    ["the manifest is damaged", (entry) => writeFile(join(entry, "manifest.json"), "{}}")],
    ["the weights are cut off", (entry) => truncate(join(entry, "weights.bin"), 1000)],
    ["a byte of the weights has changed", (entry) => flipByte(join(entry, "weights.bin"))],
  ])("repairs the cache when %s", async (_, damage) => {
    await using folder = await temporaryFolder();
    const { model, prepare } = await preparedModel(folder.path);
    const before = await contentOf(model);
    await damage(model.folder);
    expect(await contentOf(await prepare())).toEqual(before);
  });

  test("gives every process the same files when several start at once", async () => {
    await using folder = await temporaryFolder();
    const { cacheFolder, checkpoint, model } = await preparedModel(folder.path);
    const before = await contentOf(model);
    await rm(cacheFolder, { recursive: true });
    const codes = await Promise.all([1, 2, 3].map(() => prepareInProcess(checkpoint, cacheFolder)));
    expect(codes).toEqual([0, 0, 0]);
    expect(await contentOf(model)).toEqual(before);
    expect(await readdir(join(cacheFolder, "compiled"))).toHaveLength(1);
  });

  test("leaves nothing behind when the checkpoint is bad", async () => {
    await using folder = await temporaryFolder();
    const { checkpoint, cacheFolder, prepare } = await preparedModel(folder.path);
    await rm(cacheFolder, { recursive: true });
    await truncate(join(checkpoint, "model.safetensors"), 5000);
    await expect(prepare()).rejects.toMatchObject({ code: "invalid_argument" });
    await expect(readdir(cacheFolder)).rejects.toMatchObject({ code: "ENOENT" });
  });

  test("refuses weights that are no numbers, and leaves no compiled model", async () => {
    await using folder = await temporaryFolder();
    const { checkpoint, cacheFolder, prepare } = await preparedModel(folder.path);
    await rm(cacheFolder, { recursive: true });
    const path = join(checkpoint, "model.safetensors");
    const bytes = await readFile(path);
    bytes.writeFloatLE(Number.NaN, bytes.length - 4);
    await writeFile(path, bytes);
    const message = expect.stringMatching(/model\.safetensors": tensor "lm_head\.weight" is NaN at element/);
    await expect(prepare()).rejects.toMatchObject({ code: "invalid_argument", message });
    for (const entry of await readdir(join(cacheFolder, "compiled"))) {
      expect(await readdir(join(cacheFolder, "compiled", entry))).toEqual([]);
    }
  });

  test("names the cache folder when it cannot be written", async () => {
    await using folder = await temporaryFolder();
    const { checkpoint } = await preparedModel(folder.path);
    const cacheFolder = join(folder.path, "tiny", "config.json");
    const expected = {
      code: "internal",
      message: expect.stringContaining(`Cannot compile into "${cacheFolder}`),
    };
    await expect(prepareModel(checkpoint, { cacheFolder })).rejects.toMatchObject(expected);
  });
});

async function flipByte(path: string): Promise<void> {
  const bytes = await readFile(path);
  bytes[5000] = bytes[5000]! ^ 1;
  await writeFile(path, bytes);
}

async function prepareInProcess(checkpoint: string, cacheFolder: string): Promise<unknown> {
  const index = new URL("../index.ts", import.meta.url).href;
  const program = `
    const { prepareModel } = await import(${JSON.stringify(index)});
    await prepareModel(${JSON.stringify(checkpoint)}, { cacheFolder: ${JSON.stringify(cacheFolder)} });`;
  const child = spawn(process.execPath, ["--input-type=module", "--eval", program], { stdio: "inherit" });
  const [code] = await once(child, "exit");
  return code;
}
