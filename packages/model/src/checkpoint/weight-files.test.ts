import { mkdir, readFile, rm, symlink, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { encodeSafetensors } from "../synth/safetensors-writer.ts";
import { writeRandomCheckpoint } from "../testing/random-checkpoint.ts";
import { temporaryFolder } from "../testing/temporary-folder.ts";
import { hashCheckpoint, openCheckpoint } from "./checkpoint.ts";
import { decoderTensors } from "./decoder-tensors.ts";
import type { TensorSource } from "./tensor-source.ts";

const SHARDS = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"] as const;

async function valuesOf(source: TensorSource, name: string): Promise<number[]> {
  const values: number[] = [];
  for await (const piece of source.read(name)) values.push(...piece);
  return values;
}

/** A small model whose tensors lie in two files by turns; returns them. */
async function shardedCheckpoint(folder: string) {
  const config = await writeRandomCheckpoint(folder, {}, 1);
  const tensors = decoderTensors(config);
  const files: { name: string; shape: readonly number[]; values: Float32Array }[][] = [[], []];
  {
    await using checkpoint = await openCheckpoint(folder);
    for (const [index, { name, shape }] of tensors.entries()) {
      const values = Float32Array.from(await valuesOf(checkpoint.tensors, name));
      files[index % 2]!.push({ name, shape, values });
    }
  }
  await rm(join(folder, "model.safetensors"));
  for (const [index, file] of files.entries()) {
    await writeFile(join(folder, SHARDS[index]!), encodeSafetensors(file));
  }
  const map = Object.fromEntries(tensors.map(({ name }, index) => [name, SHARDS[index % 2]!]));
  await writeIndex(folder, map);
  return { files, map };
}

function writeIndex(folder: string, map: Readonly<Record<string, string>>): Promise<void> {
  return writeFile(join(folder, "model.safetensors.index.json"), JSON.stringify({ weight_map: map }));
}

describe("Weights in several files", () => {
  test("are read from the files that the index names, also through links as in a hub cache", async () => {
    await using folder = await temporaryFolder();
    const { files } = await shardedCheckpoint(folder.path);
    const blobs = join(folder.path, "blobs");
    await mkdir(blobs);
    for (const shard of SHARDS) {
      const path = join(folder.path, shard);
      await writeFile(join(blobs, shard), await readFile(path));
      await rm(path);
      await symlink(join("blobs", shard), path);
    }
    await using checkpoint = await openCheckpoint(folder.path);
    for (const { name, values } of files.flat()) {
      expect(await valuesOf(checkpoint.tensors, name)).toEqual([...values]);
    }
  });

  test("count for the hash, each of them", async () => {
    await using folder = await temporaryFolder();
    await shardedCheckpoint(folder.path);
    const hashes = new Set([await hashCheckpoint(folder.path)]);
    for (const shard of SHARDS) {
      const path = join(folder.path, shard);
      const bytes = await readFile(path);
      bytes[bytes.length - 1]! ^= 1;
      await writeFile(path, bytes);
      hashes.add(await hashCheckpoint(folder.path));
    }
    expect(hashes.size).toBe(3);
  });

  test("are refused with the shard's name when one is missing", async () => {
    await using folder = await temporaryFolder();
    await shardedCheckpoint(folder.path);
    await rm(join(folder.path, SHARDS[1]));
    await expect(openCheckpoint(folder.path)).rejects.toMatchObject({
      code: "not_found",
      message: expect.stringContaining(`${SHARDS[1]}": there is no such file`),
    });
  });

  test("are refused with the shard's and the tensor's name when one is cut off", async () => {
    await using folder = await temporaryFolder();
    const { files } = await shardedCheckpoint(folder.path);
    const path = join(folder.path, SHARDS[0]);
    await truncate(path, (await readFile(path)).length - 1);
    const last = files[0]!.at(-1)!.name;
    await expect(openCheckpoint(folder.path)).rejects.toThrow(
      new RegExp(`${SHARDS[0]}": tensor "${last}" ends at byte .*: it is truncated`),
    );
  });

  test("are refused with the index's name when it leaves a tensor out", async () => {
    await using folder = await temporaryFolder();
    const { map } = await shardedCheckpoint(folder.path);
    const { "model.norm.weight": _, ...rest } = map;
    await writeIndex(folder.path, rest);
    await expect(openCheckpoint(folder.path)).rejects.toThrow(
      /model\.safetensors\.index\.json": tensor "model\.norm\.weight" is missing/,
    );
  });

  test("may not lie outside of the model's folder", async () => {
    await using folder = await temporaryFolder();
    const { map } = await shardedCheckpoint(folder.path);
    await writeIndex(folder.path, { ...map, "model.norm.weight": "../../secret" });
    await expect(openCheckpoint(folder.path)).rejects.toThrow(
      /weight_map names the file "\.\.\/\.\.\/secret", expected a file in the same folder/,
    );
  });
});
