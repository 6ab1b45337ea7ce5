;; Turns vectors of floats into bytes with a scale for each vector: see ../pages/int8-quantizer.ts for what they are.
;; After a change: node --run kernels
(module
  (import "engine" "memory" (memory 1))

  ;; The largest magnitude of $bytes bytes of floats, a multiple of 16; NaN if any is NaN.
  (func $peak (param $from i32) (param $bytes i32) (result f32)
    (local $end i32) (local $values v128) (local $largest v128) (local $broken v128)
    (local.set $end (i32.add (local.get $from) (local.get $bytes)))
    (loop $elements
      (local.set $values (v128.load (local.get $from)))
      ;; `pmax` is one instruction where `max` is seven, and passes over NaN: only NaN differs from itself.
      (local.set $largest (f32x4.pmax (local.get $largest) (f32x4.abs (local.get $values))))
      (local.set $broken (v128.or (local.get $broken) (f32x4.ne (local.get $values) (local.get $values))))
      (local.set $from (i32.add (local.get $from) (i32.const 16)))
      (br_if $elements (i32.lt_u (local.get $from) (local.get $end))))
    ;; All bits set is NaN, too.
    (local.set $largest (v128.or (local.get $broken) (local.get $largest)))
    (f32.max
      (f32.max (f32x4.extract_lane 0 (local.get $largest)) (f32x4.extract_lane 1 (local.get $largest)))
      (f32.max (f32x4.extract_lane 2 (local.get $largest)) (f32x4.extract_lane 3 (local.get $largest)))))

  ;; Quantizes $count vectors of $bytes bytes of floats each, one after the other from $from on. Vector i has its scale
  ;; at $scales + 4i, and at $sums + 4i the sum of its levels. Its levels begin at $to + i * $vectorStep, $levelStep
  ;; bytes apart.
  (func (export "quantize")
    (param $from i32) (param $count i32) (param $bytes i32) (param $to i32) (param $vectorStep i32)
    (param $levelStep i32) (param $scales i32) (param $sums i32)
    (local $end i32) (local $at i32) (local $peak f32) (local $perUnit v128) (local $rounder v128) (local $sum v128)
    (local $levels v128)
    (if (i32.eqz (local.get $count)) (then (return)))
    ;; A float of this size, 1.5 * 2^23, has no place for fractions: adding it rounds, and leaves the integer in the
    ;; last bits.
    (local.set $rounder (v128.const f32x4 12582912 12582912 12582912 12582912))
    (loop $vectors
      (local.set $peak (call $peak (local.get $from) (local.get $bytes)))
      (f32.store (local.get $scales) (f32.div (local.get $peak) (f32.const 127)))
      (local.set $perUnit
        (f32x4.splat
          (select
            (f32.const 0)
            (f32.div (f32.const 127) (local.get $peak))
            (f32.eq (local.get $peak) (f32.const 0)))))
      (local.set $sum (v128.const f32x4 0 0 0 0))
      (local.set $at (local.get $to))
      (local.set $end (i32.add (local.get $from) (local.get $bytes)))
      (loop $elements
        (local.set $levels
          (f32x4.add
            (f32x4.mul (v128.load (local.get $from)) (local.get $perUnit))
            (local.get $rounder)))
        (local.set $sum (f32x4.add (local.get $sum) (f32x4.sub (local.get $levels) (local.get $rounder))))
        (v128.store8_lane 0 (local.get $at) (local.get $levels))
        (local.set $at (i32.add (local.get $at) (local.get $levelStep)))
        (v128.store8_lane 4 (local.get $at) (local.get $levels))
        (local.set $at (i32.add (local.get $at) (local.get $levelStep)))
        (v128.store8_lane 8 (local.get $at) (local.get $levels))
        (local.set $at (i32.add (local.get $at) (local.get $levelStep)))
        (v128.store8_lane 12 (local.get $at) (local.get $levels))
        (local.set $at (i32.add (local.get $at) (local.get $levelStep)))
        (local.set $from (i32.add (local.get $from) (i32.const 16)))
        (br_if $elements (i32.lt_u (local.get $from) (local.get $end))))
      (f32.store
        (local.get $sums)
        (f32.add
          (f32.add (f32x4.extract_lane 0 (local.get $sum)) (f32x4.extract_lane 1 (local.get $sum)))
          (f32.add (f32x4.extract_lane 2 (local.get $sum)) (f32x4.extract_lane 3 (local.get $sum)))))
      (local.set $to (i32.add (local.get $to) (local.get $vectorStep)))
      (local.set $scales (i32.add (local.get $scales) (i32.const 4)))
      (local.set $sums (i32.add (local.get $sums) (i32.const 4)))
      (local.set $count (i32.sub (local.get $count) (i32.const 1)))
      (br_if $vectors (local.get $count)))))
