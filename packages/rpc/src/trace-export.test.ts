import { silentLogger } from "@baton/core";
import type { ExportedSpan } from "@baton/tracing";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { ProtobufTraceSerializer } from "@opentelemetry/otlp-transformer";
import { type ReadableSpan, TracerProvider } from "@opentelemetry/sdk-trace";
import { createRpcServer, type RpcServer } from "./rpc-server.ts";
import { HOST } from "./testing/fixtures.ts";
import { decodeExport } from "./trace-receiver.ts";
import { createTraceSender, type TraceSender } from "./trace-sender.ts";

let server: RpcServer;
let sender: TraceSender;
let received: ExportedSpan[];

beforeEach(async () => {
  received = [];
  server = createRpcServer({ logger: silentLogger });
  server.addTraceReceiver((request) => {
    received.push(...decodeExport(request));
  });
  const { port } = await server.listen(HOST, 0);
  sender = createTraceSender(`${HOST}:${port}`);
});

afterEach(async () => {
  sender.close();
  await server.shutdown(0);
});

/** What the SDK makes of a span with a bit of everything. */
function exportOf(name: string): Uint8Array {
  const ended: ReadableSpan[] = [];
  const keep = {
    onStart() {},
    onEnd: (span: ReadableSpan) => void ended.push(span),
    async forceFlush() {},
    async shutdown() {},
  };
  const tracer = new TracerProvider({ spanProcessors: [keep] }).getTracer("test");
  const attributes = { text: "ä", whole: 3, part: 0.5, yes: true, list: ["a", "b"] };
  const span = tracer.startSpan(name, { kind: 1, startTime: 1_700_000_000_000.25, attributes });
  span.addEvent("first", { n: 1 }, 1_700_000_000_001);
  span.addLink({ context: { traceId: "1".repeat(32), spanId: "2".repeat(16), traceFlags: 1 } });
  span.setStatus({ code: 2, message: "no" });
  span.end(1_700_000_000_002);
  return ProtobufTraceSerializer.serializeRequest(ended)!;
}

test("what the SDK exports arrives as it was", async () => {
  await sender.send(exportOf("Req 1"));
  expect(received).toEqual([
    {
      traceId: expect.stringMatching(/^[0-9a-f]{32}$/),
      spanId: expect.stringMatching(/^[0-9a-f]{16}$/),
      parentSpanId: undefined,
      name: "Req 1",
      kind: "server",
      startNs: 1_700_000_000_000_250_000n,
      endNs: 1_700_000_000_002_000_000n,
      status: { code: "error", message: "no" },
      attributes: { text: "ä", whole: 3, part: 0.5, yes: true, list: ["a", "b"] },
      resource: expect.objectContaining({ "telemetry.sdk.name": "opentelemetry" }),
      flags: expect.any(Number),
      traceState: "",
      links: [{ traceId: "1".repeat(32), spanId: "2".repeat(16), attributes: {} }],
      events: [{ name: "first", timeNs: 1_700_000_000_001_000_000n, attributes: { n: 1 } }],
    },
  ]);
  expect(server.openCalls).toBe(0);
});

test("the same bytes are read without a connection", () => {
  expect(decodeExport(exportOf("Req 2")).map(({ name }) => name)).toEqual(["Req 2"]);
  expect(() => decodeExport(Buffer.from("not protobuf"))).toThrow();
});

test("a receiver that is not there, or that gets garbage, is an error of the sender only", async () => {
  await expect(sender.send(Buffer.from("not protobuf"))).rejects.toMatchObject({ code: "invalid_argument" });
  const nobody = createTraceSender(`${HOST}:1`);
  await expect(nobody.send(exportOf("Req 3"))).rejects.toMatchObject({ code: "worker_lost" });
  nobody.close();
});
