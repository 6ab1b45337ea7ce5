/** Tracing switched off: nothing is recorded, but an inbound trace context is passed on as it came. */
import type { ExternalTraceHeader } from "@baton/core";
import type { RequestTracer, Stage } from "./request-trace.ts";
import { UnrecordedStage } from "./unrecorded-stage.ts";

const WITHOUT_HEADER = new UnrecordedStage(undefined);

/** The tracer where neither spans nor an observer are wanted. A request costs it at most one small object, a stage nothing. */
export const nullRequestTracer: RequestTracer = {
  get level() {
    return 0 as const;
  },
  set level(_level) {},
  startRequest: (_requestId, header) => unrecorded(header),
  continueRequest: (_name, header) => unrecorded(header),
  traces: () => false,
  recordStandalone() {},
  open: 0,
};

function unrecorded(header: ExternalTraceHeader | undefined): Stage {
  return header ? new UnrecordedStage(header) : WITHOUT_HEADER;
}
