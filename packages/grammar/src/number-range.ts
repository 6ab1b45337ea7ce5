/**
 * Owns numbers between two bounds, as texts: an integer range is cut into digit patterns of one length each, a decimal
 * one is an integer range with the point put in.
 */
import { anyOf } from "./grammar-rules.ts";
import { MAX_DIGITS } from "./json-rules.ts";

/** Inclusive unless it says otherwise. */
export interface NumberBounds {
  readonly minimum?: number | undefined;
  readonly maximum?: number | undefined;
  readonly exclusiveMinimum?: number | undefined;
  readonly exclusiveMaximum?: number | undefined;
}

const LARGEST = 10n ** BigInt(MAX_DIGITS) - 1n;

/** Integers within the bounds; undefined when there are none. */
export function integerRange(bounds: NumberBounds): string | undefined {
  const { from, to } = scaledBounds(bounds, 0);
  return alternatives(signed(from, to, (a, b) => unsigned(a, b, 0)));
}

/**
 * Numbers within the bounds, with as many decimals as the bounds have, and further ones where they fit; undefined when
 * there are none.
 */
export function numberRange(bounds: NumberBounds): string | undefined {
  const decimals = Math.max(...Object.values(bounds).map(decimalsOf));
  const { from, to, first, last } = scaledBounds(bounds, decimals);
  // After further digits, not all zero, a number lies strictly between two neighbours of the grid.
  const more = `${decimals === 0 ? '"." ' : ""}[0-9]{0,${MAX_DIGITS - decimals - 1}} [1-9]`;
  const between = signedGaps(first, last).map(
    ({ sign, a, b }) => `${sign} ${anyOf(unsigned(a, b, decimals))} ${more}`,
  );
  return alternatives([...signed(from, to, (a, b) => unsigned(a, b, decimals)), ...between]);
}

/** Bounds as multiples of 10^-decimals: of what is on the grid, and of what lies between its points. */
function scaledBounds(bounds: NumberBounds, decimals: number) {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum } = bounds;
  const scaled = (value: number | undefined, round: (value: number) => number) =>
    value === undefined ? undefined : BigInt(round(Number((value * 10 ** decimals).toPrecision(15))));
  const up = largest(scaled(minimum, Math.ceil), plus(scaled(exclusiveMinimum, Math.floor), 1n), -LARGEST);
  const down = smallest(scaled(maximum, Math.floor), plus(scaled(exclusiveMaximum, Math.ceil), -1n), LARGEST);
  const first = largest(scaled(minimum, Math.ceil), scaled(exclusiveMinimum, Math.ceil), -LARGEST);
  const last = smallest(scaled(maximum, Math.floor), scaled(exclusiveMaximum, Math.floor), LARGEST);
  return { from: up, to: down, first, last };
}

function plus(value: bigint | undefined, step: bigint): bigint | undefined {
  return value === undefined ? undefined : value + step;
}

function largest(...values: readonly (bigint | undefined)[]): bigint {
  return ascending(values).at(-1)!;
}

function smallest(...values: readonly (bigint | undefined)[]): bigint {
  return ascending(values)[0]!;
}

function ascending(values: readonly (bigint | undefined)[]): bigint[] {
  return values.filter((value) => value !== undefined).sort((a, b) => Number(a - b));
}

function decimalsOf(value: number | undefined): number {
  if (value === undefined) return 0;
  const [mantissa, exponent = "0"] = String(value).split("e");
  return Math.max((mantissa!.split(".")[1]?.length ?? 0) - Number(exponent), 0);
}

function signed(from: bigint, to: bigint, texts: (a: bigint, b: bigint) => string[]): string[] {
  const positive = to >= 0n ? texts(from > 0n ? from : 0n, to) : [];
  const negative = from < 0n ? texts(to < -1n ? -to : 1n, -from) : [];
  return [
    ...(from > to ? [] : positive),
    ...(from > to || negative.length === 0 ? [] : [`"-" ${anyOf(negative)}`]),
  ];
}

/** The gaps [n, n + 1] between `first` and `last`, as the digits that they begin with. */
function signedGaps(first: bigint, last: bigint) {
  const gaps: { sign: string; a: bigint; b: bigint }[] = [];
  const low = first > 0n ? first : 0n;
  if (last - 1n >= low) gaps.push({ sign: '""', a: low, b: last - 1n });
  const near = last < 0n ? -last : 0n;
  if (-first - 1n >= near) gaps.push({ sign: '"-"', a: near, b: -first - 1n });
  return gaps;
}

/** Texts of a … b, both at least 0, in units of 10^-decimals. */
function unsigned(a: bigint, b: bigint, decimals: number): string[] {
  const texts: string[] = [];
  const shortest = decimals + 1;
  for (let length = shortest; length <= MAX_DIGITS + decimals; length++) {
    const low = length === shortest ? 0n : 10n ** BigInt(length - 1);
    const high = 10n ** BigInt(length) - 1n;
    const [from, to] = [a > low ? a : low, b < high ? b : high];
    if (from > to) continue;
    const digits = (value: bigint) => value.toString().padStart(length, "0");
    for (const pattern of fixedLength(digits(from), digits(to))) texts.push(withPoint(pattern, decimals));
  }
  return texts;
}

/** Patterns, one class for each digit, that together match the texts from `low` to `high`, which are as long. */
function fixedLength(low: string, high: string): string[][] {
  if (low === "") return [[]];
  const [a, b] = [low[0]!, high[0]!];
  if (a === b) return fixedLength(low.slice(1), high.slice(1)).map((rest) => [a, ...rest]);
  const [nines, zeros] = ["9".repeat(low.length - 1), "0".repeat(low.length - 1)];
  const patterns: string[][] = [];
  const lowIsWhole = low.slice(1) === zeros;
  const highIsWhole = high.slice(1) === nines;
  if (!lowIsWhole) patterns.push(...fixedLength(low.slice(1), nines).map((rest) => [a, ...rest]));
  const [from, to] = [Number(a) + (lowIsWhole ? 0 : 1), Number(b) - (highIsWhole ? 0 : 1)];
  if (from <= to) patterns.push([`${from}-${to}`, ...Array<string>(low.length - 1).fill("0-9")]);
  if (!highIsWhole) patterns.push(...fixedLength(zeros, high.slice(1)).map((rest) => [b, ...rest]));
  return patterns;
}

function withPoint(pattern: readonly string[], decimals: number): string {
  const classes = pattern.map((digits) => `[${digits}]`);
  if (decimals > 0) classes.splice(classes.length - decimals, 0, '"."');
  return classes.join(" ");
}

function alternatives(texts: readonly string[]): string | undefined {
  return texts.length === 0 ? undefined : anyOf(texts);
}
