/**
 * Steps of the engine as traces see them: inside each request that a step decoded, and with the module `engine` as
 * traces of their own that link to the requests they served.
 */
import type { SequenceId } from "@baton/core";
import type { StepRecord } from "@baton/engine";
import { ATTR, type RequestTracer, recordBatch, SPAN, STANDALONE, type TraceNode } from "@baton/tracing";

interface Followed {
  /** What its steps are recorded below. */
  readonly node: TraceNode;
  readonly promptTokens: number;
}

export class StepTracer {
  readonly #tracer: RequestTracer;
  /** Sequences whose steps are recorded. */
  readonly #followed = new Map<SequenceId, Followed>();

  constructor(tracer: RequestTracer) {
    this.#tracer = tracer;
  }

  /** From here on the sequence's decode steps are recorded below `node`, if its level wants them, until `forget`. */
  follow(id: SequenceId, node: TraceNode, promptTokens: number): void {
    if (node.wants(SPAN.decodeLoop)) this.#followed.set(id, { node, promptTokens });
  }

  forget(id: SequenceId): void {
    this.#followed.delete(id);
  }

  /** A step was executed. */
  executed(step: StepRecord): void {
    if (this.#followed.size > 0) this.#recordDecodes(step);
    if (this.#tracer.traces("engine")) this.#recordStep(step);
  }

  #recordDecodes({ plan, outcome }: StepRecord): void {
    const members = plan.decodes.flatMap(({ sequenceId, position }) => {
      const followed = this.#followed.get(sequenceId);
      if (!followed) return [];
      const { node, promptTokens } = followed;
      return [{ node, attributes: { [ATTR.decodeStep]: position - promptTokens + 1 } }];
    });
    const time = { startTime: outcome.decodeStartedAt, endTime: outcome.decodeEndedAt };
    const shared = { [ATTR.stepId]: plan.stepId, [ATTR.batchSize]: plan.decodes.length };
    recordBatch(members, SPAN.decodeLoop, time, shared);
  }

  #recordStep({ plan, outcome, startedAt, endedAt, headerOf }: StepRecord): void {
    const served = [...plan.prefills, ...plan.decodes];
    this.#tracer.recordStandalone({
      module: "engine",
      name: STANDALONE.engineStep,
      startTime: startedAt,
      endTime: endedAt,
      attributes: {
        [ATTR.stepId]: plan.stepId,
        [ATTR.batchSize]: served.length,
        [ATTR.batchDecodes]: plan.decodes.length,
        [ATTR.prefillTokens]: plan.prefills
          .filter((_, index) => !outcome.prefills[index]!.stopped)
          .reduce((sum, { tokenIds }) => sum + tokenIds.length, 0),
      },
      links: served.flatMap(({ sequenceId }) => headerOf(sequenceId) ?? []),
    });
  }
}
