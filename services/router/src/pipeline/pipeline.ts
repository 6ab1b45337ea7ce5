/** The way of a request through the router, step by step: admit, tokenize, then plan, legs (in one attempt or more) and response per choice. */
import type { GenerationRequest, WorkerId } from "@baton/core";
import type { Metrics } from "@baton/metrics";
import { CALL_MARKERS, createDetokenizer, createStopMatcher } from "@baton/tokenizer";
import { ATTR, EVENT, SPAN, type Stage, type TraceNode } from "@baton/tracing";
import type { Admission } from "./admit.ts";
import { Attempts, type AttemptsParts } from "./attempts.ts";
import { type AnswerEvent, choices } from "./choices.ts";
import type { CompletionCall, RequestContext } from "./completion-call.ts";
import { echoed } from "./echo.ts";
import { whileInStage } from "./in-stage.ts";
import { type PlanParts, type PlanWishes, plan } from "./plan.ts";
import { respond } from "./respond.ts";
import type { Route, RoutedLeg } from "./route.ts";
import { type TokenizeParts, tokenize } from "./tokenize.ts";
import { withToolCalls } from "./tool-calls.ts";

export interface PipelineParts extends TokenizeParts, PlanParts, AttemptsParts {
  readonly admission: Admission;
}

/** Answers one call; nothing starts before the first event is asked for. Leaving early ends the request. */
export type Pipeline = (
  call: CompletionCall,
  context: RequestContext,
) => AsyncGenerator<AnswerEvent, void, void>;

export function createPipeline(parts: PipelineParts): Pipeline {
  return async function* answer(call, context) {
    const { figures, trace } = context;
    using _place = await figures.measureWait("queueMs", () =>
      whileInStage(trace, SPAN.admission, (stage) =>
        admitted(stage, parts.admission, context.signal, call.priority),
      ),
    );
    const requests = figures.measure("tokenizeMs", () => tokenize(call, context, parts));
    // No generator of its own: V8 keeps what such a closure knows until the next full collection (DESIGN.md, "Memory").
    yield* choices(call.n, requests, context, (request, own, prompt) => {
      let { routing } = context;
      const planned = (rest: GenerationRequest, avoid: ReadonlySet<WorkerId>) => {
        const wishes = { ...context, routing, avoid };
        routing = { ...routing, workers: {} }; // Workers that were asked for by name have one try.
        return figures.measure("routingMs", () => decide(rest, wishes, own.trace, parts));
      };
      const events = respond(new Attempts(planned, request, own, parts), {
        tokenizer: parts.tokenizer,
        detokenizer: createDetokenizer(parts.tokenizer, call.toolFormat && { kept: CALL_MARKERS }),
        stopMatcher: createStopMatcher(call.stop),
        promptTokens: request.promptTokenIds.length,
        minTokens: request.sampling.minTokens,
      });
      if (call.toolFormat) return withToolCalls(events, call.toolFormat);
      return call.echo ? echoed(call.prompts[prompt]!, events, parts.tokenizer) : events;
    });
  };
}

async function admitted(
  stage: Stage,
  admission: Admission,
  signal: AbortSignal,
  priority = 0,
): Promise<Disposable> {
  if (priority !== 0) stage.setAttributes({ [ATTR.priority]: priority });
  if (admission.full) stage.event(EVENT.queued, { [ATTR.queueLength]: admission.waiting });
  const place = await admission.admit(signal, priority);
  stage.event(EVENT.admitted);
  return place;
}

/** Counts what the worker that computes the prompt was taken to have of it. */
function countOverlap({ worker, promptBlocks, overlapBlocks }: RoutedLeg, metrics: Metrics): void {
  const labels = { worker_role: worker.role };
  metrics.add("baton_router_cache_hit_blocks_total", overlapBlocks, labels);
  metrics.add("baton_router_cache_miss_blocks_total", promptBlocks - overlapBlocks, labels);
}

/** Plans, and counts what came of it. */
function decide(
  request: GenerationRequest,
  wishes: PlanWishes,
  trace: TraceNode,
  parts: PipelineParts,
): Route {
  let labels = { mode: "unavailable", why: "no_worker" };
  try {
    const route = plan(request, wishes, trace, parts);
    labels = { mode: route.prefill ? "disaggregated" : "local", why: route.why };
    countOverlap(route.prefill ?? route.decode, parts.metrics);
    return route;
  } finally {
    parts.metrics.add("baton_router_decisions_total", 1, labels);
  }
}
