/** DESIGN.md documents the wire format; here its tables are compared with the ones the codec works from. */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "@jest/globals";
import { DEFAULT_LIMITS } from "./kv-server-limits.ts";
import {
  type FieldSpec,
  FRAME_SPECS,
  type FrameType,
  fieldBytes,
  HEADER_FIELDS,
  MAGIC,
  PROTOCOL_VERSION,
} from "./wire-format.ts";

const design = readFileSync(new URL("../DESIGN.md", import.meta.url), "utf8");

/** The cells of the first table below a heading, without its two head rows; backticks removed. */
function tableBelow(heading: string): string[][] {
  const section = design.split(`\n${heading}\n`)[1];
  if (section === undefined) throw new Error(`Cannot find "${heading}" in DESIGN.md`);
  const rows = section
    .split(/\n#/)[0]!
    .split("\n")
    .filter((line) => line.startsWith("|"));
  return rows.slice(2).map((row) =>
    row
      .replaceAll("`", "")
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

/** The offset (while it is fixed), name, type and bound of each field, as the document writes them. */
function documented(fields: readonly FieldSpec[]): string[][] {
  return fields.map((field, index) => {
    const { min, max } = fieldBytes(fields.slice(0, index));
    const type = "maxBytes" in field ? `${field.type} ≤ ${field.maxBytes}` : field.type;
    return [min === max ? String(min) : "…", field.name, type];
  });
}

const frameTypes = Object.keys(FRAME_SPECS) as FrameType[];

describe("DESIGN.md", () => {
  test("has the header as it is", () => {
    expect(tableBelow("### Header").map((row) => row.slice(0, 3))).toEqual(documented(HEADER_FIELDS));
  });

  test("lists every frame type with its code, direction and payload size", () => {
    const expected = frameTypes.map((type) => {
      const { code, from, fields } = FRAME_SPECS[type];
      const { min, max } = fieldBytes(fields);
      const size = type === "data" ? `${max} + KV` : min === max ? String(min) : `${min} … ${max}`;
      return [type.toUpperCase(), String(code), from, size];
    });
    expect(tableBelow("### Frame types").map((row) => row.slice(0, 4))).toEqual(expected);
  });

  test.each(frameTypes.filter((type) => FRAME_SPECS[type].fields.length > 0))(
    "has the fields of %s",
    (type) => {
      expect(tableBelow(`### ${type.toUpperCase()}`).map((row) => row.slice(0, 3))).toEqual(
        documented(FRAME_SPECS[type].fields),
      );
    },
  );

  test("names the magic number and the version", () => {
    expect(design).toContain(`\`0x${MAGIC.toString(16)}\``);
    expect(design).toContain(`version is ${PROTOCOL_VERSION}`);
  });

  test("lists every limit with its default", () => {
    expect(tableBelow("## Limits").map((row) => row.slice(0, 2))).toEqual(
      Object.entries(DEFAULT_LIMITS).map(([name, value]) => [name, String(value)]),
    );
  });
});
