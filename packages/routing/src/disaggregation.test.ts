import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import {
  DEFAULT_DISAGGREGATION_BOUNDS as BOUNDS,
  type DisaggregationInputs,
  decideDisaggregation,
} from "./disaggregation.ts";
import { LoadLedger } from "./load-ledger.ts";
import type { Selection } from "./routing-policy.ts";
import { BLOCK_SIZE, routableWorker } from "./testing/routable-worker.ts";
import type { RoutableWorker } from "./worker-view.ts";

function selection(worker: RoutableWorker, promptTokens: number, overlapBlocks = 0): Selection {
  const cost = {
    total: 0,
    promptBlocks: Math.ceil(promptTokens / BLOCK_SIZE),
    overlapBlocks,
    activePrefillBlocks: 0,
    activeDecodeBlocks: 0,
    cacheBlocks: 0,
  };
  return { chosen: { worker, cost }, candidates: [] };
}

interface Case {
  readonly promptTokens: number;
  readonly cachedBlocks?: number;
  readonly prefillQueue?: number;
  readonly localQueue?: number;
  readonly mode?: DisaggregationInputs["mode"];
}

function decide({
  promptTokens,
  cachedBlocks = 0,
  prefillQueue = 0,
  localQueue = 0,
  mode = "conditional",
}: Case) {
  const prefill = routableWorker("p", { load: { prefillTokens: prefillQueue } });
  const decode = routableWorker("d", { role: "decode", load: { prefillTokens: localQueue } });
  return decideDisaggregation({
    mode,
    bounds: BOUNDS,
    promptTokens,
    prefill: selection(prefill, promptTokens),
    decode: selection(decode, promptTokens, cachedBlocks),
  });
}

describe("decideDisaggregation", () => {
  test("always sends prompts to a prefill worker in mode always", () => {
    expect(decide({ promptTokens: 10, cachedBlocks: 1, mode: "always" })).toMatchObject({
      kind: "remote",
      why: "mode",
    });
  });

  test("computes locally what is short and mostly cached, and both bounds are strict", () => {
    const prompt = 64 * BLOCK_SIZE;
    expect(decide({ promptTokens: prompt, cachedBlocks: 20 })).toMatchObject({
      kind: "local",
      why: "short_prompt",
      uncachedTokens: 44 * BLOCK_SIZE,
    });
    expect(decide({ promptTokens: prompt, cachedBlocks: 19 })).toMatchObject({ kind: "remote" });
    expect(decide({ promptTokens: 10 * BLOCK_SIZE, cachedBlocks: 3 }).kind).toBe("remote");
    expect(decide({ promptTokens: 10_000 * BLOCK_SIZE, cachedBlocks: 10_000 - 128 }).kind).toBe("remote");
    expect(decide({ promptTokens: 10_000 * BLOCK_SIZE, cachedBlocks: 10_000 - 127 }).kind).toBe("local");
  });

  test("computes locally when prefill is overloaded and the decode worker can take it", () => {
    const prefillQueue = BOUNDS.busyPrefillTokens + 1;
    expect(decide({ promptTokens: 4000, prefillQueue })).toMatchObject({
      kind: "local",
      why: "prefill_overloaded",
    });
    expect(decide({ promptTokens: 5000, prefillQueue })).toMatchObject({
      kind: "remote",
      why: "decode_busy",
    });
  });

  test("reserves for each leg what the verdict makes it do", () => {
    const remote = decide({ promptTokens: 5000 }).reserve;
    expect(remote).toEqual({
      prefill: { prefillTokens: 5000, decodeBlocks: 0 },
      decode: { prefillTokens: 0, decodeBlocks: 313 },
    });
    const local = decide({ promptTokens: 1600, cachedBlocks: 100 }).reserve;
    expect(local).toEqual({ decode: { prefillTokens: 1, decodeBlocks: 100 } });
  });

  test("a burst of short prompts never puts more on a decode worker than it may have (D1, D2)", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 4000 }), { maxLength: 60 }), (prompts) => {
        const ledger = new LoadLedger();
        const prefill = routableWorker("p", { load: { prefillTokens: BOUNDS.busyPrefillTokens + 1 } });
        const { record } = routableWorker("d", { role: "decode" });
        for (const promptTokens of prompts) {
          const [decode] = ledger.view([record]);
          const verdict = decideDisaggregation({
            mode: "conditional",
            bounds: BOUNDS,
            promptTokens,
            prefill: selection(prefill, promptTokens),
            decode: selection(decode!, promptTokens),
          });
          ledger.reserve(record, verdict.reserve.decode);
          expect(ledger.view([record])[0]!.load.prefillTokens).toBeLessThanOrEqual(BOUNDS.maxLocalTokens);
        }
      }),
    );
  });
});
