/** The policies by name: which scorer and which picker each is made of. */
import { KvIndex } from "./kv-index/kv-index.ts";
import { atRandom } from "./pickers/at-random.ts";
import { byKey } from "./pickers/by-key.ts";
import { cheaperOfTwo } from "./pickers/cheaper-of-two.ts";
import { inTurn } from "./pickers/in-turn.ts";
import { lowestCost } from "./pickers/lowest-cost.ts";
import { softmax } from "./pickers/softmax.ts";
import type { PolicyName } from "./policy-names.ts";
import type { PolicySteps } from "./routing-policy.ts";
import { cacheAwareCost } from "./scorers/cache-aware-cost.ts";
import { type KvCostWeights, kvCost } from "./scorers/kv-cost.ts";
import { loadCost } from "./scorers/load-cost.ts";
import { noCost } from "./scorers/no-cost.ts";

/** What policies are made with. */
export interface PolicyParts {
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** Weights of `kv` for the role. */
  readonly weights: KvCostWeights;
  /** Temperature of `kv`; 0 takes the cheapest. */
  readonly temperature: number;
}

const POLICIES: Readonly<Record<PolicyName, (parts: PolicyParts) => PolicySteps>> = {
  kv: ({ random, weights, temperature }) => ({
    score: kvCost(weights),
    pick: softmax({ temperature, random }),
  }),
  cache_aware: ({ random }) => cacheAware(random),
  power_of_two: ({ random }) => ({ score: loadCost, pick: cheaperOfTwo(random) }),
  round_robin: () => ({ score: noCost, pick: inTurn() }),
  random: ({ random }) => ({ score: noCost, pick: atRandom(random) }),
  least_loaded: ({ random }) => ({ score: loadCost, pick: lowestCost(random) }),
  consistent_hash: ({ random }) => ({ score: noCost, pick: byKey(atRandom(random)) }),
};

/** The steps of a policy; every call makes its own memory (turns, history). */
export function policySteps(name: PolicyName, parts: PolicyParts): PolicySteps {
  return POLICIES[name](parts);
}

function cacheAware(random: () => number): PolicySteps {
  const history = new KvIndex();
  const score = cacheAwareCost(history);
  return {
    score(candidates, request, everyone) {
      history.setWorkers(everyone.map(({ record }) => record));
      return score(candidates, request, everyone);
    },
    pick: lowestCost(random),
    remember: ({ record }, { blocks, now }) => blocks && history.routed(record, blocks, now ?? 0),
  };
}
