/** Step 3: which workers serve the request. The decision is the routing package's; this step traces and reserves it. */
import { randomBytes } from "node:crypto";
import {
  BatonError,
  type BootstrapRoom,
  blocksFor,
  bootstrapRoom,
  type GenerationRequest,
  type WorkerId,
  type WorkerRecord,
} from "@baton/core";
import type {
  LoadLedger,
  Reservation,
  RoutePlanner,
  RouteRequest,
  Selection,
  WorkerView,
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
  /** The registered workers, what is in flight on each, and how well they are. */
  readonly view: () => WorkerView;
  /** The model's name in the API. */
  readonly model: string;
  /** Whether candidates say what their cost is made of. */
  readonly tracesRouting: boolean;
}

/**
 * @param avoid workers that failed this request before: taken only when there is no other
 * @throws BatonError `unavailable` when a role is missing.
 */
export function plan(
  request: GenerationRequest,
  avoid: ReadonlySet<WorkerId>,
  trace: TraceNode,
  parts: PlanParts,
): Route {
  const view = parts.view();
  const routeRequest = { model: parts.model, promptTokens: request.promptTokenIds.length, avoid };
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
  const reservation = parts.ledger.reserve(worker, {
    prefillTokens: does.prefill ? request.promptTokens : 0,
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
