import { expect, test } from "@jest/globals";
import { eventBatch, recordBatch } from "./batch.ts";
import { ATTR, EVENT, SPAN } from "./names.ts";
import { OtelRequestTracer } from "./otel-request-tracer.ts";
import { collectSpans } from "./test-support/span-collector.ts";
import { threadIdentity } from "./thread-identity.ts";

test("a step of a batch is recorded in the trace of each request, with what they share and what is its own", () => {
  const { tracer, spans } = collectSpans();
  const requests = new OtelRequestTracer({ tracer, level: 3, thread: threadIdentity("Router", "router") });
  const roots = ["a", "b"].map((id) => requests.startRequest(id, undefined));
  const members = roots.map((node, index) => ({ node, attributes: { [ATTR.decodeStep]: index } }));
  const now = Date.now() + 10;
  recordBatch(members, SPAN.decodeLoop, { startTime: now, endTime: now + 1 }, { [ATTR.batchSize]: 2 });
  eventBatch(members, EVENT.retracted, { [ATTR.batchSize]: 2 });
  for (const root of roots) root.end();
  const steps = spans.filter(({ name }) => name === SPAN.decodeLoop);
  expect(steps.map(({ attributes }) => attributes)).toEqual([
    { [ATTR.batchSize]: 2, [ATTR.decodeStep]: 0 },
    { [ATTR.batchSize]: 2, [ATTR.decodeStep]: 1 },
  ]);
  expect(new Set(steps.map(({ traceId }) => traceId)).size).toBe(2);
  const events = spans.flatMap((span) => span.events);
  expect(events).toMatchObject([{ name: EVENT.retracted }, { name: EVENT.retracted }]);
});
