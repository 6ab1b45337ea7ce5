import { cp, readFile, rename, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import onnxProto, { type onnx } from "onnx-proto";
import { hashCheckpoint, openCheckpoint } from "../checkpoint/checkpoint.ts";
import { GOLDEN_EXPORTS } from "../testing/golden-models.ts";
import { temporaryFolder } from "../testing/temporary-folder.ts";

const { ModelProto } = onnxProto.onnx;

/** A copy of an export whose graph, and then whose folder, was changed. */
async function opened(
  name: string,
  change: (graph: onnx.IGraphProto, folder: string) => unknown = () => {},
): Promise<string> {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "export");
  await cp(GOLDEN_EXPORTS.find((golden) => golden.name === name)!.folder, path, { recursive: true });
  const file = join(path, name.endsWith("community") ? "onnx/model_q4.onnx" : "model.onnx");
  const model = ModelProto.decode(await readFile(file));
  await change(model.graph as onnx.IGraphProto, path);
  await writeFile(file, ModelProto.encode(model).finish());
  try {
    await using checkpoint = await openCheckpoint(path);
    for await (const _ of checkpoint.tensors.read("lm_head.weight"));
    return "opened";
  } catch (error) {
    return (error as Error).message.replaceAll(path, "EXPORT");
  }
}

const node = (graph: onnx.IGraphProto, name: string) => graph.node!.find((one) => one.name!.includes(name))!;
const tensor = (graph: onnx.IGraphProto, name: string) =>
  graph.initializer!.find((one) => one.name === name)!;
const attribute = (of: onnx.INodeProto, name: string) => of.attribute!.find((one) => one.name === name)!;

describe("An ONNX export", () => {
  test("is opened as it is", async () => {
    expect(await opened("llama3-scaled-int4-genai")).toBe("opened");
  });

  test.each<
    readonly [what: string, change: (graph: onnx.IGraphProto, folder: string) => unknown, message: RegExp]
  >([
    [
      "has no grouped-query attention",
      (graph) => {
        for (const one of graph.node!)
          if (one.opType === "GroupQueryAttention") one.opType = "MultiHeadAttention";
      },
      /model\.onnx": it has 0 GroupQueryAttention nodes, expected one for each of 2 layers/,
    ],
    [
      "rotates neighbours",
      (graph) => {
        attribute(node(graph, "layers.1/attn/Group"), "rotary_interleaved").i = 1;
      },
      /node "\/model\/layers\.1\/attn\/GroupQueryAttention" has rotary_interleaved 1, expected 0/,
    ],
    [
      "caps its scores",
      (graph) => {
        attribute(node(graph, "layers.0/attn/Group"), "softcap").f = 50;
      },
      /has softcap 50, expected 0/,
    ],
    [
      "has another window in each layer",
      (graph) => {
        attribute(node(graph, "layers.0/attn/Group"), "local_window_size").i = 8;
      },
      /its layers have local_window_size 8, -1, expected one for all/,
    ],
    [
      "lacks a projection",
      (graph) => {
        node(graph, "layers.1/mlp/up_proj").name = "/model/other";
      },
      /tensor "model\.layers\.1\.mlp\.up_proj\.weight" is missing, expected F32, F16 or BF16 \[96, 64\]/,
    ],
    [
      "multiplies by an operator that is not known",
      (graph) => {
        node(graph, "layers.0/attn/o_proj").opType = "MatMulInteger";
      },
      /node "\/model\/layers\.0\/attn\/o_proj\/MatMul_Q4" is MatMulInteger, expected MatMul or MatMulNBits/,
    ],
    [
      "has weights of two bits",
      (graph) => {
        attribute(node(graph, "lm_head/MatMul"), "bits").i = 2;
      },
      /node "\/lm_head\/MatMul_Q4" has weights of 2 bits, expected 4 or 8/,
    ],
    [
      "has too few scales",
      (graph) => {
        const scales = tensor(graph, "lm_head.MatMul.weight_scales");
        scales.dims = [1, 2];
        scales.externalData = scales.externalData!.filter(({ key }) => key !== "length");
      },
      /tensor "lm_head\.MatMul\.weight_scales" is \[1, 2\], expected 768 elements/,
    ],
    [
      "names a data file elsewhere",
      (graph) => {
        tensor(graph, "lm_head.MatMul.weight_Q4").externalData!.find(({ key }) => key === "location")!.value =
          "../x";
      },
      /tensor "lm_head\.MatMul\.weight_Q4" lies in the file "\.\.\/x", expected a file in the same folder/,
    ],
    [
      "has its data cut off",
      (_, folder) => truncate(join(folder, "model.onnx.data"), 100_000),
      /model\.onnx\.data": tensor ".*" ends at byte \d+, but the file ends before: it is truncated/,
    ],
    [
      "has no data",
      (_, folder) => rm(join(folder, "model.onnx.data")),
      /Cannot read "EXPORT\/model\.onnx\.data": there is no such file/,
    ],
    [
      "is of another kind of model",
      async (_, folder) => {
        const path = join(folder, "genai_config.json");
        await writeFile(path, (await readFile(path, "utf8")).replace('"llama"', '"gemma"'));
      },
      /genai_config\.json": model\.type is "gemma": supported: llama, mistral, qwen2, qwen3/,
    ],
  ])("is refused when it %s", async (_, change, message) => {
    expect(await opened("llama3-scaled-int4-genai", change)).toMatch(message);
  });

  test("is refused when it is no ONNX file", async () => {
    await using folder = await temporaryFolder();
    await cp(GOLDEN_EXPORTS[0]!.folder, folder.path, { recursive: true });
    await writeFile(join(folder.path, "model.onnx"), "version https://git-lfs.github.com/spec/v1");
    await expect(openCheckpoint(folder.path)).rejects.toMatchObject({
      code: "invalid_argument",
      message: expect.stringMatching(/model\.onnx": it is no ONNX file/),
    });
  });

  test("changes its identity with its data", async () => {
    await using folder = await temporaryFolder();
    await cp(GOLDEN_EXPORTS[0]!.folder, folder.path, { recursive: true });
    const before = await hashCheckpoint(folder.path);
    const path = join(folder.path, "model.onnx.data");
    const bytes = await readFile(path);
    bytes[50_000] = bytes[50_000]! ^ 1;
    await writeFile(path, bytes);
    expect(await hashCheckpoint(folder.path)).not.toBe(before);
    await rename(path, `${path}_1`);
    expect(await hashCheckpoint(folder.path)).not.toBe(before);
  });
});
