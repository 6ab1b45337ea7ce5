;; Passes over the logits of a vocabulary, four tokens at a time: see ../vocabulary-row.ts for what they are for.
;; After a change: node --run kernels
;;
;; Memory, with $bytes = 4 bytes for each token, a multiple of 1024:
;;   0           logits   f32 each
;;   $bytes      weights  f32 each; or ids, i32 each, which $gatherFrom found
;;   2 x $bytes  sums     f64 each: of the weights of 256 tokens
(module
  (import "engine" "memory" (memory 1))

  ;; The largest logit; NaN if any is NaN.
  (func (export "largest") (param $bytes i32) (result f32)
    (local $at i32) (local $even v128) (local $odd v128) (local $broken v128)
    (local $maxEven v128) (local $maxOdd v128)
    (local.set $maxEven (v128.const f32x4 -inf -inf -inf -inf))
    (local.set $maxOdd (local.get $maxEven))
    (loop $tokens
      (local.set $even (v128.load (local.get $at)))
      (local.set $odd (v128.load offset=16 (local.get $at)))
      ;; `pmax` is one instruction where `max` is seven, and passes over NaN: only NaN differs from itself.
      (local.set $maxEven (f32x4.pmax (local.get $maxEven) (local.get $even)))
      (local.set $maxOdd (f32x4.pmax (local.get $maxOdd) (local.get $odd)))
      (local.set $broken (v128.or (local.get $broken) (f32x4.ne (local.get $even) (local.get $even))))
      (local.set $broken (v128.or (local.get $broken) (f32x4.ne (local.get $odd) (local.get $odd))))
      (local.set $at (i32.add (local.get $at) (i32.const 32)))
      (br_if $tokens (i32.lt_u (local.get $at) (local.get $bytes))))
    ;; All bits set is NaN, too.
    (local.set $maxEven (v128.or (local.get $broken) (f32x4.pmax (local.get $maxEven) (local.get $maxOdd))))
    (f32.max
      (f32.max (f32x4.extract_lane 0 (local.get $maxEven)) (f32x4.extract_lane 1 (local.get $maxEven)))
      (f32.max (f32x4.extract_lane 2 (local.get $maxEven)) (f32x4.extract_lane 3 (local.get $maxEven)))))

  ;; Writes the ids of the tokens whose logit is at least $floor over the weights, in rising order. Returns their number.
  (func (export "gatherFrom") (param $bytes i32) (param $floor f32) (result i32)
    (local $at i32) (local $floors v128) (local $found i32) (local $to i32)
    (local.set $floors (f32x4.splat (local.get $floor)))
    (local.set $to (local.get $bytes))
    (loop $tokens
      (local.set $found (i32x4.bitmask (f32x4.ge (v128.load (local.get $at)) (local.get $floors))))
      (block $none
        (loop $each
          (br_if $none (i32.eqz (local.get $found)))
          (i32.store
            (local.get $to)
            (i32.add (i32.shr_u (local.get $at) (i32.const 2)) (i32.ctz (local.get $found))))
          (local.set $to (i32.add (local.get $to) (i32.const 4)))
          (local.set $found (i32.and (local.get $found) (i32.sub (local.get $found) (i32.const 1))))
          (br $each)))
      (local.set $at (i32.add (local.get $at) (i32.const 16)))
      (br_if $tokens (i32.lt_u (local.get $at) (local.get $bytes))))
    (i32.shr_u (i32.sub (local.get $to) (local.get $bytes)) (i32.const 2)))

  ;; Gives each token the weight 2^((logit - $maximum) x $scale), or 0 where the logit is below $floor. Returns the sum
  ;; of all weights. The exponent must lie in [-126, 0] where the logit is at least $floor.
  (func (export "weigh")
    (param $bytes i32) (param $maximum f32) (param $scale f32) (param $floor f32) (result f64)
    (local $at i32) (local $end i32) (local $to i32) (local $total f64) (local $blockTotal f64) (local $sum v128)
    (local $maxima v128) (local $scales v128) (local $floors v128)
    (local $logits v128) (local $rest v128) (local $rounded v128) (local $weights v128)
    (local.set $to (i32.mul (local.get $bytes) (i32.const 2)))
    (local.set $maxima (f32x4.splat (local.get $maximum)))
    (local.set $scales (f32x4.splat (local.get $scale)))
    (local.set $floors (f32x4.splat (local.get $floor)))
    (loop $blocks
      (local.set $sum (v128.const f32x4 0 0 0 0))
      (local.set $end (i32.add (local.get $at) (i32.const 1024)))
      (loop $tokens
        (local.set $logits (v128.load (local.get $at)))
        (local.set $rest
          (f32x4.mul (f32x4.sub (local.get $logits) (local.get $maxima)) (local.get $scales)))
        ;; 1.5 x 2^23 leaves no room for a fraction: the sum is rounded, and its lowest bits are the whole number.
        (local.set $rounded
          (f32x4.add (local.get $rest) (v128.const f32x4 12582912 12582912 12582912 12582912)))
        (local.set $rest
          (f32x4.sub
            (local.get $rest)
            (f32x4.sub (local.get $rounded) (v128.const f32x4 12582912 12582912 12582912 12582912))))
        ;; 2^rest for a rest in [-1/2, 1/2], by the polynomial with the smallest relative error: 1e-7.
        (local.set $weights (v128.const f32x4 0.00132647273 0.00132647273 0.00132647273 0.00132647273))
        (local.set $weights
          (f32x4.add
            (f32x4.mul (local.get $weights) (local.get $rest))
            (v128.const f32x4 0.00967151299 0.00967151299 0.00967151299 0.00967151299)))
        (local.set $weights
          (f32x4.add
            (f32x4.mul (local.get $weights) (local.get $rest))
            (v128.const f32x4 0.0555073358 0.0555073358 0.0555073358 0.0555073358)))
        (local.set $weights
          (f32x4.add
            (f32x4.mul (local.get $weights) (local.get $rest))
            (v128.const f32x4 0.240222424 0.240222424 0.240222424 0.240222424)))
        (local.set $weights
          (f32x4.add
            (f32x4.mul (local.get $weights) (local.get $rest))
            (v128.const f32x4 0.693147004 0.693147004 0.693147004 0.693147004)))
        (local.set $weights
          (f32x4.add (f32x4.mul (local.get $weights) (local.get $rest)) (v128.const f32x4 1 1 1 1)))
        ;; Times 2^whole: the whole number, moved to where the exponent is, is added to it.
        (local.set $weights (i32x4.add (local.get $weights) (i32x4.shl (local.get $rounded) (i32.const 23))))
        (local.set $weights (v128.and (local.get $weights) (f32x4.ge (local.get $logits) (local.get $floors))))
        (v128.store (i32.add (local.get $bytes) (local.get $at)) (local.get $weights))
        (local.set $sum (f32x4.add (local.get $sum) (local.get $weights)))
        (local.set $at (i32.add (local.get $at) (i32.const 16)))
        (br_if $tokens (i32.lt_u (local.get $at) (local.get $end))))
      (local.set $blockTotal (call $addParts (local.get $sum)))
      (f64.store (local.get $to) (local.get $blockTotal))
      (local.set $to (i32.add (local.get $to) (i32.const 8)))
      (local.set $total (f64.add (local.get $total) (local.get $blockTotal)))
      (br_if $blocks (i32.lt_u (local.get $at) (local.get $bytes))))
    (local.get $total))

  ;; Whether token $id, whose logit is $logit, and the tokens behind it weigh more than $limit together: all but those
  ;; with a larger logit, and those with the same one and a smaller id. Looks at no more tokens than it takes to tell.
  (func (export "weighsMoreFrom")
    (param $bytes i32) (param $id i32) (param $logit f32) (param $limit f64) (result i32)
    (local $at i32) (local $end i32) (local $total f64) (local $sum v128)
    (local $logits v128) (local $ids v128) (local $before v128) (local $pivotIds v128) (local $pivots v128)
    (local.set $pivotIds (i32x4.splat (local.get $id)))
    (local.set $pivots (f32x4.splat (local.get $logit)))
    (local.set $ids (v128.const i32x4 0 1 2 3))
    (loop $blocks
      (local.set $sum (v128.const f32x4 0 0 0 0))
      (local.set $end (i32.add (local.get $at) (i32.const 1024)))
      (loop $tokens
        (local.set $logits (v128.load (local.get $at)))
        (local.set $before
          (v128.or
            (f32x4.gt (local.get $logits) (local.get $pivots))
            (v128.and
              (f32x4.eq (local.get $logits) (local.get $pivots))
              (i32x4.lt_u (local.get $ids) (local.get $pivotIds)))))
        (local.set $sum
          (f32x4.add
            (local.get $sum)
            (v128.andnot (v128.load (i32.add (local.get $bytes) (local.get $at))) (local.get $before))))
        (local.set $ids (i32x4.add (local.get $ids) (v128.const i32x4 4 4 4 4)))
        (local.set $at (i32.add (local.get $at) (i32.const 16)))
        (br_if $tokens (i32.lt_u (local.get $at) (local.get $end))))
      (local.set $total (f64.add (local.get $total) (call $addParts (local.get $sum))))
      (if (f64.gt (local.get $total) (local.get $limit)) (then (return (i32.const 1))))
      (br_if $blocks (i32.lt_u (local.get $at) (local.get $bytes))))
    (i32.const 0))

  (func $addParts (param $parts v128) (result f64)
    (f64.promote_f32
      (f32.add
        (f32.add (f32x4.extract_lane 0 (local.get $parts)) (f32x4.extract_lane 1 (local.get $parts)))
        (f32.add (f32x4.extract_lane 2 (local.get $parts)) (f32x4.extract_lane 3 (local.get $parts)))))))
