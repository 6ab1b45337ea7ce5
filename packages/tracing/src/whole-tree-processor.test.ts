import { expect, test } from "@jest/globals";
import { context, ROOT_CONTEXT, type Span, type Tracer, trace } from "@opentelemetry/api";
import {
  BatchSpanProcessor,
  type ReadableSpan,
  type SpanExporter,
  TracerProvider,
} from "@opentelemetry/sdk-trace";
import { CallContext } from "./call-context.ts";
import { OtelRequestTracer } from "./otel-request-tracer.ts";
import { SpanOutlet } from "./span-outlet.ts";
import { threadIdentity } from "./thread-identity.ts";
import { WholeTreeProcessor } from "./whole-tree-processor.ts";

interface Options {
  readonly maxQueueSize?: number;
  readonly refuse?: boolean;
}

function setUp({ maxQueueSize = 100, refuse = false }: Options = {}) {
  const exported: string[] = [];
  const exporter: SpanExporter = {
    export(spans: ReadableSpan[], done) {
      if (!refuse) exported.push(...spans.map(({ name }) => name));
      done({ code: refuse ? 1 : 0 });
    },
    async shutdown() {},
  };
  const batch = (inner: SpanExporter) => new BatchSpanProcessor({ exporter: inner, maxQueueSize });
  const outlet = new SpanOutlet({ exporter, batch, maxQueueSize });
  const processor = new WholeTreeProcessor([outlet]);
  const tracer = new TracerProvider({ spanProcessors: [processor] }).getTracer("test");
  return { processor, outlet, tracer, exported };
}

function child(tracer: Tracer, parent: Span, name: string): Span {
  return tracer.startSpan(name, {}, trace.setSpan(ROOT_CONTEXT, parent));
}

test("a part is handed on when its topmost span ends, parents first (W1)", async () => {
  const { processor, tracer, exported } = setUp();
  const root = tracer.startSpan("root");
  const leg = child(tracer, root, "leg");
  child(tracer, leg, "stage").end();
  leg.end();
  await processor.forceFlush();
  expect(exported).toEqual([]);
  root.end();
  await processor.forceFlush();
  expect(exported).toEqual(["root", "leg", "stage"]);
});

test("a span that continues another process tops a part of its own", async () => {
  const { processor, tracer, exported } = setUp();
  const remote = { traceId: "1".repeat(32), spanId: "2".repeat(16), traceFlags: 1, isRemote: true };
  const server = tracer.startSpan("server", {}, trace.setSpanContext(ROOT_CONTEXT, remote));
  child(tracer, server, "work").end();
  server.end();
  await processor.forceFlush();
  expect(exported).toEqual(["server", "work"]);
});

test("what a worker records of a request is handed on with the span of the call that brought it (W1)", async () => {
  const { processor, tracer, exported } = setUp();
  context.setGlobalContextManager(new CallContext());
  const worker = new OtelRequestTracer({ tracer, level: 3, thread: threadIdentity("Decode Worker 0", "d") });
  const remote = { traceId: "1".repeat(32), spanId: "2".repeat(16), traceFlags: 1, isRemote: true };
  const call = tracer.startSpan("Generate", {}, trace.setSpanContext(ROOT_CONTEXT, remote));
  const work = context.with(trace.setSpan(ROOT_CONTEXT, call), () =>
    worker.continueRequest("decode", undefined),
  );
  work.end();
  await processor.forceFlush();
  expect(exported).toEqual([]);
  call.end();
  await processor.forceFlush();
  expect(exported).toEqual(["Generate", expect.stringContaining("Decode Worker 0"), "decode"]);
});

test("a part that does not fit into the queue is dropped whole and counted (W2)", async () => {
  const { processor, outlet, tracer, exported } = setUp({ maxQueueSize: 3 });
  const [first, second] = ["first", "second"].map((name) => {
    const root = tracer.startSpan(name);
    child(tracer, root, `${name} child`).end();
    return root;
  });
  first?.end();
  second?.end();
  await processor.forceFlush();
  expect(exported).toEqual(["first", "first child"]);
  expect(outlet.dropped).toBe(2);
});

test("a span that outlives its part is handed on when it ends, and what starts below it too (W3)", async () => {
  const { processor, tracer, exported } = setUp();
  const root = tracer.startSpan("root");
  const late = child(tracer, root, "late");
  root.end();
  child(tracer, late, "later").end();
  late.end();
  await processor.forceFlush();
  expect(exported).toEqual(["root", "later", "late"]);
});

test("a part that is too long to hold is handed on as its spans end (W4)", async () => {
  const { processor, outlet, tracer, exported } = setUp({ maxQueueSize: 3 });
  const root = tracer.startSpan("root");
  for (const name of ["a", "b", "c"]) child(tracer, root, name).end();
  await processor.forceFlush();
  expect(exported).toEqual(["a", "b", "c"]);
  root.end();
  await processor.forceFlush();
  expect(exported).toEqual(["a", "b", "c", "root"]);
  expect(outlet.dropped).toBe(0);
});

test("what the collector refuses is counted, and so is what a shutdown finds unfinished", async () => {
  const { processor, outlet, tracer } = setUp({ refuse: true });
  tracer.startSpan("refused").end();
  await expect(processor.forceFlush()).rejects.toThrow("export failed");
  expect(outlet.dropped).toBe(1);
  const open = tracer.startSpan("open");
  child(tracer, open, "held").end();
  await processor.shutdown();
  expect(processor.abandoned).toBe(1);
});

test("every outlet gets every part, and a full one does not keep it from the others", async () => {
  const exported: string[] = [];
  const outletOf = (maxQueueSize: number) =>
    new SpanOutlet({
      exporter: {
        export(spans, done) {
          exported.push(...spans.map(({ name }) => `${name} ${maxQueueSize}`));
          done({ code: 0 });
        },
        async shutdown() {},
      },
      batch: (exporter) => new BatchSpanProcessor({ exporter, maxQueueSize }),
      maxQueueSize,
    });
  const [small, large] = [outletOf(3), outletOf(4)];
  const processor = new WholeTreeProcessor([small, large]);
  const tracer = new TracerProvider({ spanProcessors: [processor] }).getTracer("test");
  for (const name of ["a", "b"]) {
    const root = tracer.startSpan(name);
    child(tracer, root, `${name} child`).end();
    root.end();
  }
  await processor.forceFlush();
  expect(exported.sort()).toEqual(["a 3", "a 4", "a child 3", "a child 4", "b 4", "b child 4"]);
  expect([small.dropped, large.dropped]).toEqual([2, 0]);
});
