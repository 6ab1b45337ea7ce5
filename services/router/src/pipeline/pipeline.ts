/** The way of a request through the router, step by step: admit, tokenize, plan, both legs, respond. */
import { createDetokenizer, createStopMatcher } from "@baton/tokenizer";
import { SPAN } from "@baton/tracing";
import type { Admission } from "./admit.ts";
import type { CompletionCall, RequestContext } from "./completion-call.ts";
import { whileInStage } from "./in-stage.ts";
import { LegPair, type LegPairParts } from "./leg-pair.ts";
import { type PlanParts, plan } from "./plan.ts";
import { type AnswerEvent, respond } from "./respond.ts";
import { type TokenizeParts, tokenize } from "./tokenize.ts";

export interface PipelineParts extends TokenizeParts, PlanParts, LegPairParts {
  readonly admission: Admission;
}

/** Answers one call; nothing starts before the first event is asked for. Leaving early ends the request. */
export type Pipeline = (
  call: CompletionCall,
  context: RequestContext,
) => AsyncGenerator<AnswerEvent, void, void>;

export function createPipeline(parts: PipelineParts): Pipeline {
  return async function* answer(call, context) {
    using _place = await whileInStage(context.trace, SPAN.admission, () =>
      parts.admission.admit(context.signal),
    );
    const request = tokenize(call, context, parts);
    using route = plan(request, context.trace, parts);
    yield* respond(new LegPair(route, request, context, parts), {
      detokenizer: createDetokenizer(parts.tokenizer),
      stopMatcher: createStopMatcher(call.stop),
      promptTokens: request.promptTokenIds.length,
    });
  };
}
