/** Names of the policies, as settings spell them. */
export const POLICY_NAMES = [
  "kv",
  "cache_aware",
  "power_of_two",
  "round_robin",
  "random",
  "least_loaded",
  "consistent_hash",
] as const;

export type PolicyName = (typeof POLICY_NAMES)[number];
