/** The workers as routing sees them: frozen, so that a decision is a function of the request and this value alone. */
import type { LoadReport, WorkerId, WorkerRecord } from "@baton/core";
import type { BlockNames } from "./kv-index/block-names.ts";
import type { PromptOverlap } from "./kv-index/prompt-overlap.ts";
import type { PolicyName } from "./policy-names.ts";

/** What the router has sent to a worker and not seen the end of. */
export interface WorkerLoad {
  /** Requests with a leg there. */
  readonly requests: number;
  /** Prompt tokens still to be computed there, without those that its cache is known to hold. */
  readonly prefillTokens: number;
  /** Blocks of sequences that decode there. */
  readonly decodeBlocks: number;
}

/** Why a worker should rather not be chosen. */
export type Impairment = "overloaded" | "circuit_open";

/** A worker that may be chosen, and how busy this router keeps it. */
export interface RoutableWorker {
  readonly record: WorkerRecord;
  readonly load: WorkerLoad;
  /** What the worker says of itself; absent until it reports, and when it has fallen silent. */
  readonly report?: LoadReport;
  readonly impaired?: Impairment;
}

/** Every known worker at one moment. */
export type WorkerView = readonly RoutableWorker[];

/** What routing needs to know of a request. */
export interface RouteRequest {
  /** The model's name in the API. */
  readonly model: string;
  /** Length of the prompt, at least 1. */
  readonly promptTokens: number;
  /** Names of the prompt's full blocks; without them no policy sees a common prefix. */
  readonly blocks?: BlockNames;
  /** What `KvIndex.find` says of these blocks. */
  readonly overlap?: PromptOverlap;
  /** Requests of one key go to one worker under `consistent_hash`. */
  readonly affinityKey?: string;
  /** Workers that failed this request before: taken only when there is no other. */
  readonly avoid?: ReadonlySet<WorkerId>;
  /** The moment of the decision in epoch ms; a policy that remembers its own choices ages them by it. */
  readonly now?: number;
  /** Policies that take the place of the planner's own for this request; aggregated workers go by `prefill`. */
  readonly policies?: { readonly prefill?: PolicyName; readonly decode?: PolicyName };
  /** The only workers that may be chosen for this request; aggregated workers go by `decode`. */
  readonly workers?: { readonly prefill?: string; readonly decode?: string };
  /** Changes of the `kv` policy for this request. */
  readonly kv?: { readonly overlapCredit?: number; readonly temperature?: number };
}
