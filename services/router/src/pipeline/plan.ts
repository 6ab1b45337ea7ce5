/** Step 3: which workers serve the request. The decision is the routing package's; this step traces and reserves it. */
import {
  BatonError,
  type BootstrapRoom,
  bootstrapRoom,
  type Clock,
  contextOf,
  type GenerationRequest,
  type WorkerId,
} from "@baton/core";
import { hashTokens } from "@baton/kv-cache";
import {
  blockNames,
  type DisaggregationBounds,
  type DisaggregationMode,
  type DisaggregationVerdict,
  decideDisaggregation,
  type KvIndex,
  type LegLoad,
  type LoadLedger,
  type RoutePlanner,
  type RouteRequest,
  type Selection,
  uncachedOn,
  type WorkerView,
} from "@baton/routing";
import { ATTR, type Attributes, EVENT, SPAN, type Stage, type TraceNode } from "@baton/tracing";
import { randomBytes } from "../random-bytes.ts";
import type { RoutingWishes } from "./completion-call.ts";
import { inStage } from "./in-stage.ts";
import { type Route, type RoutedLeg, routeOf } from "./route.ts";

export interface PlanParts {
  readonly planner: RoutePlanner;
  readonly ledger: LoadLedger;
  /** What the workers' caches hold of prompts. */
  readonly kvIndex: KvIndex;
  readonly clock: Clock;
  /** Whether decode workers may compute prompts, and which. */
  readonly disaggregation: { readonly mode: DisaggregationMode; readonly bounds: DisaggregationBounds };
  /** The registered workers, what is in flight on each, and how well they are. */
  readonly view: () => WorkerView;
  /** The model's name in the API. */
  readonly model: string;
  /** Whether candidates say what their cost is made of. */
  readonly tracesRouting: boolean;
}

/** What of a request matters to its route, beside its tokens. */
export interface PlanWishes {
  /** Workers that failed this request before: taken only when there is no other. */
  readonly avoid: ReadonlySet<WorkerId>;
  readonly affinityKey: string | undefined;
  /** What the client wants of it. */
  readonly routing: RoutingWishes;
}

/** @throws BatonError `unavailable` when a role is missing. */
export function plan(
  request: GenerationRequest,
  wishes: PlanWishes,
  trace: TraceNode,
  parts: PlanParts,
): Route {
  const view = parts.view();
  const routeRequest = toRouteRequest(request, wishes, view, parts);
  const mode = parts.planner.availability(parts.model, view);
  switch (mode.kind) {
    case "disaggregated":
      return pair(
        routeRequest,
        wishes.routing.disaggregation ?? parts.disaggregation.mode,
        view,
        trace,
        parts,
      );
    case "aggregated":
      return aggregated(routeRequest, view, trace, parts);
    case "unavailable":
      throw new BatonError(
        "unavailable",
        `Cannot route the request: no ${mode.missing.join(" and no ")} worker is serving; try again later`,
      );
  }
}

/** With the names of the blocks of all that is to be computed, an answer that has begun included, and how much of it each worker is supposed to hold. */
function toRouteRequest(
  generation: GenerationRequest,
  { avoid, affinityKey, routing }: PlanWishes,
  view: WorkerView,
  { model, kvIndex, clock }: PlanParts,
): RouteRequest {
  const now = clock.now();
  const tokenIds = contextOf(generation);
  const request = {
    model,
    promptTokens: tokenIds.length,
    avoid,
    now,
    ...routing,
    ...(affinityKey !== undefined && { affinityKey }),
  };
  const [some] = view; // Workers of one cluster have blocks of one size.
  if (!some) return request;
  const blocks = blockNames(hashTokens(tokenIds, some.record.layout.blockSize).sequenceHashes);
  return { ...request, blocks, overlap: kvIndex.find(blocks, now) };
}

function pair(
  request: RouteRequest,
  mode: DisaggregationMode,
  view: WorkerView,
  trace: TraceNode,
  parts: PlanParts,
): Route {
  const prefill = inStage(trace, SPAN.prefillRouting, (routing) => {
    const best = inStage(routing, SPAN.kvFindBestMatch, (stage) =>
      decide(stage, parts.planner.select("prefill", request, view), parts),
    );
    routing.setAttributes(chosenAttributes(best));
    return best;
  });
  const [decode, verdict] = inStage(trace, SPAN.decodeRouting, (stage) => {
    const best = decide(stage, parts.planner.select("decode", request, view), parts);
    const { promptTokens } = request;
    const { bounds } = parts.disaggregation;
    const judged = decideDisaggregation({ mode, bounds, promptTokens, prefill, decode: best });
    stage.setAttributes(verdictAttributes(judged));
    return [best, judged] as const;
  });
  const { reserve: loads, why } = verdict;
  if (mode === "conditional") expectCached(decode, request, parts);
  const legs = { decode: reserve(decode, loads.decode, parts), why };
  if (!loads.prefill) return routeOf(legs, request.promptTokens);
  expectCached(prefill, request, parts);
  const prefillLeg = { ...reserve(prefill, loads.prefill, parts), room: drawRoom() };
  return routeOf({ ...legs, prefill: prefillLeg }, request.promptTokens);
}

function aggregated(request: RouteRequest, view: WorkerView, trace: TraceNode, parts: PlanParts): Route {
  const { promptTokens } = request;
  const selection = inStage(trace, SPAN.decodeRouting, (stage) =>
    decide(stage, parts.planner.select("aggregated", request, view), parts),
  );
  expectCached(selection, request, parts);
  const load = {
    prefillTokens: uncachedOn(selection.chosen, promptTokens),
    decodeBlocks: selection.chosen.cost.promptBlocks,
  };
  return routeOf({ decode: reserve(selection, load, parts), why: "aggregated" }, promptTokens);
}

function reserve({ chosen }: Selection, load: LegLoad, { ledger }: PlanParts): RoutedLeg {
  const worker = chosen.worker.record;
  const { promptBlocks, overlapBlocks } = chosen.cost;
  return { worker, promptBlocks, overlapBlocks, ...ledger.reserve(worker, load) };
}

/** Notes that the worker will have the prompt in its cache. */
function expectCached({ chosen }: Selection, { blocks, now }: RouteRequest, { kvIndex }: PlanParts): void {
  if (blocks && now !== undefined) kvIndex.routed(chosen.worker.record, blocks, now);
}

function verdictAttributes(verdict: DisaggregationVerdict): Attributes {
  return {
    [ATTR.disaggregationVerdict]: verdict.kind,
    [ATTR.disaggregationReason]: verdict.why,
    [ATTR.uncachedTokens]: verdict.uncachedTokens,
    [ATTR.uncachedShare]: verdict.uncachedShare,
    [ATTR.prefillQueueTokens]: verdict.prefillQueueTokens,
    [ATTR.localQueueTokens]: verdict.localQueueTokens,
  };
}

/** Puts the whole decision on the stage: every candidate as an event, the chosen one as attributes. */
function decide(stage: Stage, selection: Selection, { tracesRouting }: PlanParts): Selection {
  for (const { worker, cost } of selection.candidates) {
    stage.event(EVENT.candidate, {
      [ATTR.workerId]: worker.record.id,
      [ATTR.routingCost]: cost.total,
      [ATTR.overlapBlocks]: cost.overlapBlocks,
      [ATTR.activePrefillBlocks]: cost.activePrefillBlocks,
      [ATTR.activeDecodeBlocks]: cost.activeDecodeBlocks,
      ...(tracesRouting && {
        [ATTR.promptBlocks]: cost.promptBlocks,
        [ATTR.cacheBlocks]: cost.cacheBlocks,
      }),
    });
  }
  stage.setAttributes(chosenAttributes(selection));
  return selection;
}

function chosenAttributes({ chosen, candidates }: Selection): Attributes {
  return {
    [ATTR.workerId]: chosen.worker.record.id,
    [ATTR.routingCost]: chosen.cost.total,
    [ATTR.routingCandidates]: candidates.length,
  };
}

/** 63 random bits; 0 is not a room. */
export function drawRoom(): BootstrapRoom {
  const bits = randomBytes(8).readBigUInt64LE() >> 1n;
  return bits === 0n ? drawRoom() : bootstrapRoom(bits);
}
