import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import type { ApiError } from "../api-error.ts";
import type { KeyLimits } from "./api-key.ts";
import { type KeyRequest, KeyUsage } from "./key-usage.ts";

const NONE: KeyLimits = { requestsPerMinute: undefined, tokensPerMinute: undefined, concurrent: undefined };

function usageOf(limits: Partial<KeyLimits>, defaults: Partial<KeyLimits> = {}) {
  const clock = { now: () => clock.time, time: 0 };
  return { clock, usage: new KeyUsage({ name: "search", limits }, { ...NONE, ...defaults }, clock) };
}

function refusal(usage: KeyUsage): ApiError | undefined {
  try {
    usage.begin();
  } catch (error) {
    return error as ApiError;
  }
  return undefined;
}

describe("KeyUsage", () => {
  test("lets everything through without a limit", () => {
    const { usage } = usageOf({});
    for (let i = 0; i < 1000; i++) usage.begin().used(1e9);
  });

  test("prefers a key's own limit to everybody's", () => {
    const { usage } = usageOf({ requestsPerMinute: 2 }, { requestsPerMinute: 1, concurrent: 5 });
    usage.begin();
    usage.begin();
    expect(refusal(usage)?.message).toContain("2 requests per minute");
  });

  test("says after how long a request would be accepted, and accepts it then", () => {
    const { usage, clock } = usageOf({ requestsPerMinute: 6, tokensPerMinute: 60 });
    usage.begin().used(90);
    const refused = refusal(usage)!;
    expect(refused).toMatchObject({
      code: "overloaded",
      apiCode: "rate_limit_exceeded",
      retryAfterMs: 31_000,
    });
    clock.time += refused.retryAfterMs!;
    expect(refusal(usage)).toBeUndefined();
  });

  test("counts a refused request as none", () => {
    const { usage, clock } = usageOf({ requestsPerMinute: 1 });
    usage.begin();
    for (let i = 0; i < 100; i++) expect(refusal(usage)).toBeDefined();
    clock.time += 60_000;
    expect(refusal(usage)).toBeUndefined();
  });

  test("never has more running than the limit, and ends each once, whatever the order", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 4 }), fc.array(fc.nat(9)), (concurrent, steps) => {
        const { usage } = usageOf({ concurrent });
        const all: KeyRequest[] = [];
        const running = new Set<KeyRequest>();
        for (const step of steps) {
          const known = all[step];
          if (known) {
            known.end();
            known.end();
            running.delete(known);
          } else if (running.size < concurrent) {
            const request = usage.begin();
            all.push(request);
            running.add(request);
          } else expect(refusal(usage)?.message).toContain(`${concurrent} requests at once`);
        }
      }),
    );
  });
});
