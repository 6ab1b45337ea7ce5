/**
 * Traces across real processes, over real gRPC, into a real OTLP receiver. The instrumentation patches modules while
 * they are loaded, which jest's own loader bypasses: so both sides are processes of their own.
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { ExternalTraceHeader } from "@baton/core";
import {
  type ContractOptions,
  checkTrace,
  type ExportedSpan,
  formatTree,
  SPAN,
  type TraceLevel,
  type TracingCounts,
} from "@baton/tracing";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { type OtlpReceiver, startOtlpReceiver } from "../support/otlp-receiver.ts";
import type { LegsRequest } from "./fixtures/legs-client.ts";
import type { TraceProcessOptions } from "./fixtures/trace-process.ts";

const CLIENT = fileURLToPath(new URL("./fixtures/legs-client.ts", import.meta.url));
const SERVER = fileURLToPath(new URL("./fixtures/legs-server.ts", import.meta.url));

/** A healthy request: root, a thread span per process and leg, and per leg: leg, client span, server span, part, stage. */
const FULL_TREE = 14;
/** A client and a server span for each leg. */
const GRPC = ["Prefill", "Prefill", "Generate", "Generate"].map((method) => `baton.test.Legs/${method}`);
const ANSWER = { prefill: "answer", decode: "answer" } as const;

interface Reply {
  readonly port: number;
  readonly header?: ExternalTraceHeader;
  readonly counts: TracingCounts;
}

let receiver: OtlpReceiver;
let processes: ChildProcess[];

beforeEach(async () => {
  receiver = await startOtlpReceiver({ protocol: "both" });
  processes = [];
});

afterEach(async () => {
  for (const child of processes) child.kill("SIGKILL");
  await receiver.stop();
});

async function start(file: string, options: Partial<TraceProcessOptions> = {}): Promise<ChildProcess> {
  const serviceName = file === CLIENT ? "router" : "worker";
  const defaults = { serviceName, endpoint: receiver.grpcEndpoint, protocol: "grpc", level: 3 };
  const child = fork(file, [JSON.stringify({ ...defaults, ...options })], { execArgv: [] });
  processes.push(child);
  await once(child, "message");
  return child;
}

async function ask(child: ChildProcess, message: object): Promise<Reply> {
  child.send(message);
  for (;;) {
    const [reply] = await once(child, "message");
    if (reply.counts) return reply;
  }
}

async function stop(...children: ChildProcess[]): Promise<void> {
  const exits = children.map((child) => once(child, "exit"));
  for (const child of children) child.send("stop");
  for (const [code] of await Promise.all(exits)) expect(code).toBe(0);
}

/** Runs one request between two fresh processes, stops both, and gives back all that they exported. */
async function run(
  { spans: expected, ...request }: Omit<LegsRequest, "port"> & { readonly spans: number },
  options: Partial<TraceProcessOptions> = {},
) {
  const [server, client] = await Promise.all([start(SERVER, options), start(CLIENT, options)]);
  const { port } = await ask(server, {});
  const reply = await ask(client, { ...request, port });
  await receiver.waitFor((spans) => spans.length >= expected);
  await stop(client, server);
  return { spans: receiver.spans(), reply };
}

/** The name of a thread span without host and pid. */
function withoutProcess(name: string): string {
  return name.replace(/ \(host:.*/, "");
}

function expectContract(spans: readonly ExportedSpan[], options: ContractOptions): void {
  const violations = checkTrace(spans, options).map(({ message }) => message);
  expect(violations.length > 0 ? `${violations.join("\n")}\n${formatTree(spans)}` : "").toBe("");
}

describe.each([
  ["grpc", "grpc"],
  ["http/protobuf", "http"],
] as const)("over OTLP %s", (protocol, transport) => {
  test("one request through two processes is one tree with both legs side by side", async () => {
    const endpoint = transport === "grpc" ? receiver.grpcEndpoint : receiver.httpEndpoint;
    const { spans, reply } = await run({ ...ANSWER, spans: FULL_TREE }, { protocol, endpoint });
    expectContract(spans, { outcome: "success" });
    expect(spans).toHaveLength(FULL_TREE);
    expect(Object.entries(reply.counts).filter(([, count]) => count !== 0)).toEqual([]);
    const parent = new Map(spans.map((span) => [span.spanId, span]));
    const path = (span: ExportedSpan | undefined): string[] =>
      span ? [...path(parent.get(span.parentSpanId ?? "")), `${withoutProcess(span.name)} ${span.kind}`] : [];
    expect(path(spans.find(({ name }) => name === SPAN.decodeForward))).toEqual([
      "Req r1 server",
      "router internal",
      "decode_leg internal",
      "baton.test.Legs/Generate client",
      "baton.test.Legs/Generate server",
      "worker internal",
      "decode internal",
      "decode_forward internal",
    ]);
  });
});

test("an inbound traceparent becomes the parent, and its tracestate is kept", async () => {
  const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  const header = { traceparent, tracestate: "vendor=a,other=b" };
  const { spans, reply } = await run({ ...ANSWER, header, spans: FULL_TREE });
  expectContract(spans, { outcome: "success", externalParents: ["b7ad6b7169203331"] });
  expect(new Set(spans.map(({ traceId }) => traceId))).toEqual(new Set(["0af7651916cd43dd8448eb211c80319c"]));
  expect(new Set(spans.map(({ traceState }) => traceState))).toEqual(new Set(["vendor=a,other=b"]));
  expect(reply.header?.tracestate).toMatch(/^baton=l:3;p:[0-9a-f]{16},vendor=a,other=b$/);
});

test("an unsampled request is unsampled in every process and still carries its trace on", async () => {
  const header = { traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00" };
  const { spans, reply } = await run({ ...ANSWER, header, spans: 0 });
  expect(spans).toEqual([]);
  expect(reply.header?.traceparent).toMatch(/^00-0af7651916cd43dd8448eb211c80319c-[0-9a-f]{16}-00$/);
});

const LEVEL_2 = ["decode", "decode_forward", "decode_leg", "prefill", "prefill_forward", "prefill_leg"];
const THREADS = ["router", "worker", "worker"];

test.each([
  [1, ["Req r1", ...THREADS]],
  [2, ["Req r1", ...GRPC, ...LEVEL_2, ...THREADS]],
] as const)("level %i leaves spans out and the tree connected", async (level: TraceLevel, names) => {
  const { spans } = await run({ ...ANSWER, spans: names.length }, { level });
  expectContract(spans, { outcome: "success", level });
  expect(spans.map(({ name }) => withoutProcess(name)).sort()).toEqual([...names].sort());
});

test("the level of a request holds in every process, whatever the processes' own", async () => {
  const [server, client] = await Promise.all([start(SERVER, { level: 3 }), start(CLIENT, { level: 3 })]);
  const { port } = await ask(server, {});
  await ask(client, { ...ANSWER, port, level: 1 });
  await receiver.waitFor((spans) => spans.length >= 1 + THREADS.length);
  await stop(client, server);
  expectContract(receiver.spans(), { outcome: "success", level: 1 });
  expect(receiver.spans()).toHaveLength(1 + THREADS.length);
});

test("at level 0 nothing is exported, and the client's trace is passed on as unsampled", async () => {
  const header = {
    traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    tracestate: "a=b",
  };
  const { spans, reply } = await run({ ...ANSWER, header, spans: 0 }, { level: 0 });
  expect(spans).toEqual([]);
  expect(reply.header).toEqual({ ...header, traceparent: header.traceparent.replace(/1$/, "0") });
  expect(reply.counts.lostContexts).toBe(0);
});

test("a call to a worker without its request's context starts no trace, and is counted", async () => {
  const { spans, reply } = await run({ ...ANSWER, forgetContext: true, spans: 0 });
  expectContract(spans, { outcome: "success" });
  expect(reply.counts.lostContexts).toBe(2);
});

test("gRPC spans follow the current conventions", async () => {
  const { spans } = await run({ prefill: "fail", decode: "answer", spans: FULL_TREE });
  const calls = spans.filter(({ name }) => name.startsWith("baton.test"));
  expect(calls).toHaveLength(GRPC.length);
  for (const { kind, name, attributes, status } of calls) {
    const failed = name.endsWith("Prefill");
    // To a server that refuses, this status is no error of its own.
    const isError = failed && kind === "client";
    expect(attributes).toEqual({
      "rpc.system.name": "grpc",
      "rpc.method": name,
      "rpc.status_code": failed ? "FAILED_PRECONDITION" : "OK",
      ...(kind === "client" && { "server.address": "127.0.0.1", "server.port": expect.anything() }),
      ...(isError && { "error.type": "FAILED_PRECONDITION" }),
    });
    expect(status.code).toBe(isError ? "error" : "unset");
  }
});

test("a canceled request exports one closed tree without an error on its root", async () => {
  const { spans, reply } = await run({ prefill: "hang", decode: "hang", cancel: true, spans: FULL_TREE });
  expectContract(spans, { outcome: "canceled" });
  expect(spans).toHaveLength(FULL_TREE);
  expect(reply.counts).toMatchObject({ open: 0, unclosed: 0 });
});

test("a request past its deadline exports one closed tree with the error on its root", async () => {
  const { spans } = await run({ prefill: "hang", decode: "hang", deadlineMs: 100, spans: FULL_TREE });
  expectContract(spans, { outcome: "error" });
  expect(spans).toHaveLength(FULL_TREE);
});

test.each([
  ["prefill", { prefill: "fail", decode: "answer" }],
  ["decode", { prefill: "answer", decode: "fail" }],
] as const)(
  "a %s leg that fails exports one closed tree with the error on its root",
  async (_leg, request) => {
    const { spans } = await run({ ...request, spans: FULL_TREE });
    expectContract(spans, { outcome: "error" });
    expect(spans).toHaveLength(FULL_TREE);
  },
);

test("a worker that is killed leaves no orphan behind", async () => {
  const [server, client] = await Promise.all([start(SERVER), start(CLIENT)]);
  const { port } = await ask(server, {});
  const reply = ask(client, { port, prefill: "answer", decode: "hang" });
  let working = 0;
  while (working < 2) working += (await once(server, "message"))[0].working ? 1 : 0;
  server.kill("SIGKILL");
  await reply;
  await stop(client);
  expectContract(receiver.spans(), { outcome: "error" });
});

test("a collector that is not there disturbs neither requests nor the shutdown, and what is lost is counted", async () => {
  await receiver.stop();
  const [server, client] = await Promise.all([start(SERVER), start(CLIENT)]);
  const { port } = await ask(server, {});
  const { counts } = await ask(client, { ...ANSWER, port });
  expect(counts).toMatchObject({ open: 0, unclosed: 0 });
  await stop(client, server);
});
