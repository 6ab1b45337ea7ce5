/** The formats that a model's weights can be compiled to: how each role multiplies. */
import { fp32Linear } from "./fp32-linear.ts";
import { int4Linear } from "./int4-linear.ts";
import { int8Linear } from "./int8-linear.ts";
import type { LinearFormat } from "./linear-format.ts";

/** The linear layers of the prefill and of the decode graph. */
export interface RoleFormats {
  readonly prefill: LinearFormat;
  readonly decode: LinearFormat;
}

/**
 * With int4, prefill still multiplies 8 bits: it is bound by arithmetic, where 4-bit weights are half as fast, and gives
 * better KV. Decode is bound by the memory that it reads.
 */
const FORMATS = {
  fp32: { prefill: fp32Linear, decode: fp32Linear },
  int8: { prefill: int8Linear, decode: int8Linear },
  int4: { prefill: int8Linear, decode: int4Linear },
} as const satisfies Readonly<Record<string, RoleFormats>>;

/** Name of a format of weights. */
export type WeightFormat = keyof typeof FORMATS;

/** What a name stands for. */
export function roleFormats(name: WeightFormat): RoleFormats {
  return FORMATS[name];
}
