/** Step 3: which workers serve the request. The decision is the routing package's; this step traces and reserves it. */
import { randomBytes } from "node:crypto";
import {
  BatonError,
  type BootstrapRoom,
  blocksFor,
  bootstrapRoom,
  type Clock,
  type GenerationRequest,
  type WorkerId,
  type WorkerRecord,
} from "@baton/core";
import { hashTokens } from "@baton/kv-cache";
import {
  blockNames,
  type KvIndex,
  type LoadLedger,
  type Reservation,
  type RoutePlanner,
  type RouteRequest,
  type Selection,
  type WorkerView,
} from "@baton/routing";
import { ATTR, type Attributes, EVENT, SPAN, type Stage, type TraceNode } from "@baton/tracing";
import { inStage } from "./in-stage.ts";

/** A worker and the share of its load that the request holds. */
export interface RoutedLeg extends Reservation {
  readonly worker: WorkerRecord;
}

/** The workers of one request. Its holder disposes of it, which releases both reservations. */
export interface Route extends Disposable {
  /** Absent: the decode leg's worker computes the prompt itself. */
  readonly prefill?: RoutedLeg & { readonly room: BootstrapRoom };
  readonly decode: RoutedLeg;
}

export interface PlanParts {
  readonly planner: RoutePlanner;
  readonly ledger: LoadLedger;
  /** What the workers' caches hold of prompts. */
  readonly kvIndex: KvIndex;
  readonly clock: Clock;
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
      return pair(routeRequest, view, trace, parts);
    case "aggregated":
      return aggregated(routeRequest, view, trace, parts);
    case "unavailable":
      throw new BatonError(
        "unavailable",
        `Cannot route the request: no ${mode.missing.join(" and no ")} worker is serving; try again later`,
      );
  }
}

/** With the names of the prompt's blocks, and how much of it each worker is supposed to hold. */
function toRouteRequest(
  { promptTokenIds }: GenerationRequest,
  { avoid, affinityKey }: PlanWishes,
  view: WorkerView,
  { model, kvIndex, clock }: PlanParts,
): RouteRequest {
  const now = clock.now();
  const request = {
    model,
    promptTokens: promptTokenIds.length,
    avoid,
    now,
    ...(affinityKey !== undefined && { affinityKey }),
  };
  const [some] = view; // Workers of one cluster have blocks of one size.
  if (!some) return request;
  const blocks = blockNames(hashTokens(promptTokenIds, some.record.layout.blockSize).sequenceHashes);
  return { ...request, blocks, overlap: kvIndex.find(blocks, now) };
}

function pair(request: RouteRequest, view: WorkerView, trace: TraceNode, parts: PlanParts): Route {
  const prefill = inStage(trace, SPAN.prefillRouting, (routing) => {
    const best = inStage(routing, SPAN.kvFindBestMatch, (stage) =>
      decide(stage, parts.planner.select("prefill", request, view), parts),
    );
    routing.setAttributes(chosenAttributes(best));
    return best;
  });
  const decode = inStage(trace, SPAN.decodeRouting, (stage) =>
    decide(stage, parts.planner.select("decode", request, view), parts),
  );
  return routeOf(reserve(decode, request, { prefill: false, decode: true }, parts), {
    ...reserve(prefill, request, { prefill: true, decode: false }, parts),
    room: drawRoom(),
  });
}

function aggregated(request: RouteRequest, view: WorkerView, trace: TraceNode, parts: PlanParts): Route {
  const selection = inStage(trace, SPAN.decodeRouting, (stage) =>
    decide(stage, parts.planner.select("aggregated", request, view), parts),
  );
  return routeOf(reserve(selection, request, { prefill: true, decode: true }, parts));
}

function routeOf(decode: RoutedLeg, prefill?: Route["prefill"]): Route {
  return {
    decode,
    ...(prefill && { prefill }),
    [Symbol.dispose]() {
      prefill?.release();
      decode.release();
    },
  };
}

function reserve(
  { chosen }: Selection,
  request: RouteRequest,
  does: { readonly prefill: boolean; readonly decode: boolean },
  parts: PlanParts,
): RoutedLeg {
  const worker = chosen.worker.record;
  const blocks = blocksFor(request.promptTokens, worker.layout.blockSize);
  const cachedTokens = chosen.cost.overlapBlocks * worker.layout.blockSize;
  const { blocks: names, now } = request;
  if (does.prefill && names && now !== undefined) parts.kvIndex.routed(worker, names, now);
  const reservation = parts.ledger.reserve(worker, {
    prefillTokens: does.prefill ? Math.max(request.promptTokens - cachedTokens, 0) : 0,
    decodeBlocks: does.decode ? blocks : 0,
  });
  return { worker, ...reservation };
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
function drawRoom(): BootstrapRoom {
  const bits = randomBytes(8).readBigUInt64LE() >> 1n;
  return bits === 0n ? drawRoom() : bootstrapRoom(bits);
}
