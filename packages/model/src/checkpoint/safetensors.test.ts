import { truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { encodeSafetensors } from "../synth/safetensors-writer.ts";
import { temporaryFolder } from "../testing/temporary-folder.ts";
import { openSafetensors } from "./safetensors.ts";
import type { TensorSource } from "./tensor-source.ts";

const TENSORS = [
  { name: "a", shape: [2, 3], values: Float32Array.of(1, 2, 3, 4, 5, 6) },
  { name: "b", shape: [1], values: Float32Array.of(-0.5) },
];

/** Opens a file with these bytes; resolves with the error's message, or undefined when there is none. */
async function problemOf(bytes: Uint8Array): Promise<string | undefined> {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "model.safetensors");
  await writeFile(path, bytes);
  try {
    await using _ = await openSafetensors(path);
    return undefined;
  } catch (error) {
    expect(error).toMatchObject({ name: "BatonError", code: "invalid_argument" });
    const { message } = error as Error;
    expect(message).toContain(`Cannot read "${path}": `);
    return message;
  }
}

async function valuesOf(source: TensorSource, name: string): Promise<number[]> {
  const values: number[] = [];
  for await (const piece of source.read(name)) values.push(...piece);
  return values;
}

/** A file with one tensor `t` of some type and bytes. */
function fileOf(dtype: string, elementBytes: number, data: Uint8Array): Buffer {
  const shape = [data.length / elementBytes];
  const file = withHeader({ t: { dtype, shape, data_offsets: [0, data.length] } }, data.length);
  file.set(data, file.length - data.length);
  return file;
}

/** The values of the tensor `t` of a file with these bytes. */
async function readBack(bytes: Uint8Array): Promise<number[]> {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "model.safetensors");
  await writeFile(path, bytes);
  await using source = await openSafetensors(path);
  return await valuesOf(source, "t"); // Before the source is closed.
}

function withHeader(header: unknown, dataBytes: number): Buffer {
  const json = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  return Buffer.concat([length, json, Buffer.alloc(dataBytes)]);
}

describe("A safetensors file", () => {
  test("is read back as it was written", async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, "model.safetensors");
    await writeFile(path, encodeSafetensors(TENSORS));
    await using source = await openSafetensors(path);
    expect(source.find("a")).toMatchObject({ dtype: "F32", shape: [2, 3] });
    expect(source.find("c")).toBeUndefined();
    for (const { name, values } of TENSORS) {
      expect(await valuesOf(source, name)).toEqual([...values]);
    }
  });

  test("gives the exact values of F16, subnormal ones included", async () => {
    const halves = Uint16Array.of(0x0000, 0x8000, 0x3c00, 0xc000, 0x7bff, 0x0001, 0x03ff, 0x0400, 0x3555);
    const values = await readBack(fileOf("F16", 2, new Uint8Array(halves.buffer)));
    const third = 0.333251953125;
    expect(values).toEqual([0, -0, 1, -2, 65504, 2 ** -24, 1023 * 2 ** -24, 2 ** -14, third]);
  });

  test("gives the exact values of BF16", async () => {
    const halves = Uint16Array.of(0x0000, 0x3f80, 0xc000, 0x0001, 0x7f7f);
    const values = await readBack(fileOf("BF16", 2, new Uint8Array(halves.buffer)));
    expect(values).toEqual([0, 1, -2, 2 ** -133, (2 - 2 ** -7) * 2 ** 127]);
  });

  test("gives all values of a tensor larger than a piece", async () => {
    const count = 1_500_000;
    const numbers = Float32Array.from({ length: count }, (_, i) => i);
    const path = fileOf("F32", 4, new Uint8Array(numbers.buffer));
    await using folder = await temporaryFolder();
    await writeFile(join(folder.path, "t"), path);
    await using source = await openSafetensors(join(folder.path, "t"));
    let next = 0;
    for await (const piece of source.read("t")) for (const value of piece) if (value === next) next++;
    expect(next).toBe(count);
  });

  test.each<readonly [string, number, Uint8Array, string]>([
    ["F32", 4, new Uint8Array(Float32Array.of(1, 2, Number.NaN).buffer), "NaN at element 2"],
    ["F32", 4, new Uint8Array(Float32Array.of(1, Number.NEGATIVE_INFINITY).buffer), "-Infinity at element 1"],
    ["F16", 2, new Uint8Array(Uint16Array.of(0x7c00).buffer), "Infinity at element 0"],
    ["BF16", 2, new Uint8Array(Uint16Array.of(0x3f80, 0x7fc0).buffer), "NaN at element 1"],
  ])("with a %s value that is no finite number is refused", async (dtype, elementBytes, data, found) => {
    await expect(readBack(fileOf(dtype, elementBytes, data))).rejects.toThrow(
      `model.safetensors": tensor "t" is ${found}, expected finite numbers`,
    );
  });

  test("may carry metadata and tensors of types that we do not use", async () => {
    const header = {
      __metadata__: { format: "pt" },
      half: { dtype: "BF16", shape: [2], data_offsets: [0, 4] },
    };
    expect(await problemOf(withHeader(header, 4))).toBeUndefined();
  });

  test("is refused wherever it is cut off", async () => {
    const whole = encodeSafetensors(TENSORS);
    await fc.assert(
      fc.asyncProperty(fc.nat(whole.length - 1), async (length) => {
        expect(await problemOf(whole.subarray(0, length))).toBeDefined();
      }),
    );
  });

  test("that is cut off in a tensor's data is refused with the tensor's name and both sizes", async () => {
    const whole = encodeSafetensors(TENSORS);
    const message = await problemOf(whole.subarray(0, whole.length - 1));
    expect(message).toContain(
      `tensor "b" ends at byte ${whole.length}, but the file ends at ${whole.length - 1}`,
    );
  });

  test("that is cut off after it was opened fails while being read", async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, "model.safetensors");
    await writeFile(path, encodeSafetensors(TENSORS));
    await using source = await openSafetensors(path);
    await truncate(path, 100);
    await expect(valuesOf(source, "b")).rejects.toThrow(/was cut while being read/);
  });

  test.each([
    [
      "an unknown type",
      { dtype: "F7", shape: [1], data_offsets: [0, 4] },
      /"t" has the dtype "F7", expected one of/,
    ],
    [
      "a span that does not fit its shape",
      { dtype: "F32", shape: [3], data_offsets: [0, 8] },
      /"t" spans 8 bytes, expected 12 for F32 \[3\]/,
    ],
    ["offsets the wrong way round", { dtype: "F32", shape: [1], data_offsets: [8, 4] }, /"t" spans -4 bytes/],
    [
      "no shape",
      { dtype: "F32", data_offsets: [0, 4] },
      /"t" is described as .* expected dtype, shape and data_offsets/,
    ],
  ])("with %s is refused with the tensor's name", async (_, entry, expected) => {
    expect(await problemOf(withHeader({ t: entry }, 16))).toMatch(expected);
  });

  test("whose header claims more than the file holds is refused without reading it", async () => {
    const length = Buffer.alloc(32);
    length.writeBigUInt64LE(2n ** 63n);
    expect(await problemOf(length)).toContain("its header claims 9223372036854775808 bytes");
  });

  test("that is some other kind of file is refused", async () => {
    const length = Buffer.alloc(32);
    length.writeBigUInt64LE(4n);
    expect(await problemOf(length)).toContain("its header is not a JSON object");
  });
});
