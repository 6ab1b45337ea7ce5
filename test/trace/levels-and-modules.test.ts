/**
 * Must hold: a request's level, chosen by the cluster or by the request, holds in every process; modules add what they
 * say and nothing else; links lead across processes. Checked on what a real OTLP receiver got from real processes.
 */
import { randomBytes, randomUUID } from "node:crypto";
import { BABBLE_MODEL } from "@baton/model/testing";
import {
  ATTR,
  type ContractOptions,
  checkTrace,
  EVENT,
  type ExportedSpan,
  formatTree,
  groupTraces,
  isStandalone,
  LINK,
  SPAN,
  STANDALONE,
  type TraceLevel,
} from "@baton/tracing";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { Cluster } from "../support/cluster.ts";
import { type OtlpReceiver, startOtlpReceiver } from "../support/otlp-receiver.ts";
import { collect, post } from "../support/sse.ts";

const TOKENS = 8;

let receiver: OtlpReceiver;

beforeAll(async () => {
  receiver = await startOtlpReceiver({ protocol: "grpc" });
}, 60_000);

afterAll(() => receiver.stop());

function startCluster(routerArgs: readonly string[] = [], env: Record<string, string> = {}) {
  const otlp = { endpoint: receiver.grpcEndpoint, protocol: "grpc" as const };
  return Cluster.start({ otlp, routerArgs, workerArgs: ["--chunk-tokens", "32"], env });
}

/** Sends a request and resolves with its id once it was answered. */
async function ask(
  cluster: Cluster,
  body: Record<string, unknown> = {},
  headers: Record<string, string> = {},
): Promise<string> {
  const id = randomUUID();
  const standard = { model: BABBLE_MODEL, prompt: `${id} tells`, max_tokens: TOKENS, temperature: 0 };
  const answer = await post(
    `${cluster.url}/v1/completions`,
    { ...standard, ...body },
    { "x-request-id": id, ...headers },
  );
  await collect(answer);
  expect(answer.status).toBe(200);
  return id;
}

const atLevel = (level: number) => ({ "x-baton-trace-level": `${level}` });

/** The trace of a request, once every process has sent its part and the last spans of each are there. */
async function traceOf(
  id: string,
  last: readonly string[] = [],
  processes = 3,
): Promise<readonly ExportedSpan[]> {
  const find = (spans: readonly ExportedSpan[]) => {
    const traceId = spans.find(({ name }) => name === `Req ${id}`)?.traceId;
    return spans.filter((span) => span.traceId === traceId);
  };
  // A part is sent parents first, in batches.
  const isWhole = (trace: readonly ExportedSpan[]) =>
    trace.filter(({ attributes }) => attributes[ATTR.threadLabel] !== undefined).length === processes &&
    last.every((name) => trace.some((span) => span.name === name)) &&
    checkTrace(trace, { outcome: "success", rooms: false }).length === 0;
  await receiver.waitFor((spans) => isWhole(find(spans)));
  return find(receiver.spans());
}

function expectContract(trace: readonly ExportedSpan[], options: ContractOptions): void {
  const violations = checkTrace(trace, { outcome: "success", ...options });
  if (violations.length > 0) throw new Error(`${JSON.stringify(violations)}\n${formatTree(trace)}`);
}

const namesOf = (trace: readonly ExportedSpan[]) =>
  trace.map(({ name, attributes }) => String(attributes[ATTR.threadLabel] ?? name).replace(/^Req .*/, "Req"));

const named = (trace: readonly ExportedSpan[], name: string) => trace.filter((span) => span.name === name);

describe("a cluster with the request module", () => {
  let cluster: Cluster;

  beforeAll(async () => {
    cluster = await startCluster();
  }, 60_000);

  afterAll(() => cluster[Symbol.asyncDispose]());

  test("level 1 is the root and one thread span per process", async () => {
    const trace = await traceOf(await ask(cluster, {}, atLevel(1)));
    expectContract(trace, { level: 1 });
    expect(namesOf(trace).sort()).toEqual(["Decode Worker 0", "Prefill Worker 0", "Req", "Router"]);
  });

  test("level 2 adds gRPC calls and the major stages", async () => {
    const trace = await traceOf(await ask(cluster, {}, atLevel(2)), [
      SPAN.decodeForward,
      SPAN.prefillTransfer,
    ]);
    expectContract(trace, { level: 2 });
    const names = namesOf(trace);
    for (const name of [
      ...[
        SPAN.admission,
        SPAN.tokenize,
        SPAN.prefillRouting,
        SPAN.decodeRouting,
        SPAN.prefillLeg,
        SPAN.decodeLeg,
      ],
      ...[
        SPAN.prefill,
        SPAN.prefillBootstrap,
        SPAN.prefillWaiting,
        SPAN.prefillForward,
        SPAN.prefillTransfer,
      ],
      ...[SPAN.decode, SPAN.decodeBootstrap, SPAN.decodeTransferred, SPAN.decodeWaiting, SPAN.decodeForward],
      ...["baton.v1.PrefillWorker/Prefill", "baton.v1.DecodeWorker/Generate"],
    ]) {
      expect(names).toContain(name);
    }
  });

  test("level 3 adds everything nested: a step per token, and chunks that link to their other end", async () => {
    const id = await ask(cluster, { prompt: `${randomUUID()} `.repeat(10) });
    await receiver.waitFor((spans) => named(spans, SPAN.decodeLoop).length >= TOKENS - 1);
    const trace = await traceOf(id, [SPAN.decodeLoop]);
    expectContract(trace, { level: 3 });
    const steps = named(trace, SPAN.decodeLoop).map(({ attributes }) => attributes[ATTR.decodeStep]);
    expect(steps).toEqual(Array.from({ length: TOKENS - 1 }, (_, i) => i + 1));
    const [sent, received] = [named(trace, SPAN.kvSend), named(trace, SPAN.kvRecv)];
    expect(received).toHaveLength(sent.length);
    expect(received.map(({ links }) => links[0]!.spanId)).toEqual(sent.map(({ spanId }) => spanId));
    for (const { attributes } of [...sent, ...received]) {
      expect(attributes).toMatchObject({
        [ATTR.bootstrapRoom]: expect.stringMatching(/^[0-9a-f]{16}$/),
        [ATTR.kvBytes]: expect.anything(),
        [ATTR.tokenCount]: expect.anything(),
      });
    }
  });

  test("first-level slices follow one another across processes, and both ends of a hand-over link", async () => {
    const trace = await traceOf(await ask(cluster, { stream: true }), [
      SPAN.decodeForward,
      SPAN.prefillTransfer,
    ]);
    const byId = new Map(trace.map((span) => [span.spanId, span]));
    const linksOf = (name: string, kind: string) =>
      named(trace, name).flatMap(({ links }) =>
        links
          .filter(({ attributes }) => attributes[ATTR.link] === kind)
          .map(({ spanId }) => byId.get(spanId)?.name),
      );
    const previous = (name: string) => linksOf(name, LINK.previous);
    expect(previous(SPAN.admission)).toEqual([]);
    expect(previous(SPAN.tokenize)).toEqual([SPAN.admission]);
    expect(previous(SPAN.prefillLeg)).toEqual([SPAN.decodeRouting]);
    expect(previous(SPAN.prefill)).toEqual([SPAN.prefillLeg]);
    expect(previous(SPAN.decode)).toEqual([SPAN.decodeLeg]);
    expect(previous(SPAN.streamOut)).toEqual([SPAN.decodeLeg]);
    expect(previous(SPAN.kvFindBestMatch)).toEqual([]);
    expect(linksOf(SPAN.decodeTransferred, LINK.handover)).toEqual([SPAN.prefill]);
    expect(linksOf(SPAN.prefillTransfer, LINK.handover)).toEqual([SPAN.decode]);
  });

  test("attributes and events say what was moved, found and written", async () => {
    const trace = await traceOf(await ask(cluster, { max_tokens: 40 }), [
      SPAN.decodeForward,
      SPAN.prefillTransfer,
    ]);
    const moved = {
      [ATTR.kvBytes]: expect.anything(),
      [ATTR.kvTokens]: expect.anything(),
      [ATTR.kvFrames]: expect.anything(),
      [ATTR.kvMegabytesPerSecond]: expect.any(Number),
      [ATTR.peerWorkerId]: expect.any(String),
      [ATTR.peerAddress]: expect.any(String),
      [ATTR.attempt]: expect.anything(),
    };
    expect(named(trace, SPAN.prefillTransfer)[0]!.attributes).toMatchObject(moved);
    expect(named(trace, SPAN.decodeTransferred)[0]!.attributes).toMatchObject(moved);
    const events = (name: string) =>
      named(trace, name).flatMap((span) => span.events.map((event) => event.name));
    expect(events(SPAN.admission)).toEqual([EVENT.admitted]);
    expect(events(SPAN.kvFindBestMatch)).toEqual([EVENT.candidate]);
    expect(events(SPAN.prefillForward)).toEqual([EVENT.cacheMiss, EVENT.firstToken]);
    expect(events(SPAN.decode)).toEqual([EVENT.firstToken, EVENT.tokens, EVENT.tokens]);
    const [thread] = trace.filter(({ attributes }) => attributes[ATTR.threadLabel] === "Decode Worker 0");
    expect(thread!.attributes).toMatchObject({
      [ATTR.hostId]: expect.stringMatching(/^[0-9a-f]{16}$/),
      [ATTR.threadWorkerId]: "decode-0",
      [ATTR.pid]: expect.anything(),
      [ATTR.dpRank]: expect.anything(),
    });
    expect(thread!.name).toMatch(/^Decode Worker 0 \(host:[0-9a-f]{8} \| pid:\d+\)$/);
  });

  test("the cluster's level is changed at run time, and a request may go above or below it", async () => {
    const put = (level: number) =>
      fetch(`${cluster.url}/trace/level`, { method: "PUT", body: JSON.stringify({ level }) });
    expect((await put(1)).status).toBe(200);
    expectContract(await traceOf(await ask(cluster)), { level: 1 });
    const above = await traceOf(await ask(cluster, {}, atLevel(3)), [SPAN.decodeLoop]);
    expectContract(above, { level: 3 });
    expect((await put(0)).status).toBe(200);
    const off = await ask(cluster);
    const chosen = await ask(cluster, { metadata: { trace: { level: 2 } } });
    expectContract(await traceOf(chosen), { level: 2 });
    expect(receiver.spans().some(({ name }) => name === `Req ${off}`)).toBe(false);
    await put(3);
    expectContract(await traceOf(await ask(cluster)), { level: 3 });
  });

  test("level 0 is unsampled everywhere, whatever the client's flags say", async () => {
    const traceId = randomBytes(16).toString("hex");
    const traceparent = `00-${traceId}-${randomBytes(8).toString("hex")}-01`;
    await ask(cluster, {}, { traceparent, ...atLevel(0) });
    await traceOf(await ask(cluster));
    expect(receiver.spans().filter((span) => span.traceId === traceId)).toEqual([]);
  });

  test("nothing but requests is traced", async () => {
    const ids = [await ask(cluster), await ask(cluster, {}, atLevel(1))];
    for (const id of ids) await traceOf(id);
    for (const trace of groupTraces(receiver.spans()).values()) {
      expect(trace.filter(({ name }) => name.startsWith("Req "))).toHaveLength(1);
    }
  });

  test("no process reports that a trace was used wrongly", () => {
    for (const name of ["router", ...cluster.workers]) {
      expect(cluster.process(name).log).not.toContain("A trace was used wrongly");
    }
  });
});

test("modules add steps of the engine and KV connections, and all of it keeps the contract", async () => {
  receiver.clear();
  await using cluster = await startCluster([], { BATON_TRACE_MODULES: "request,engine,kv_transfer,routing" });
  const ids = await Promise.all(Array.from({ length: 4 }, () => ask(cluster)));
  await receiver.waitFor((spans) => named(spans, SPAN.kvConnection).length === 2 * ids.length);
  await receiver.waitFor((spans) => named(spans, STANDALONE.engineStep).length >= TOKENS);
  await cluster[Symbol.asyncDispose]();
  const traces = await Promise.all(ids.map((id) => traceOf(id)));
  for (const trace of traces) {
    expectContract(trace, { level: 3 });
    const frames = named(trace, SPAN.kvConnection).map(({ events }) =>
      events.map(({ attributes }) => attributes[ATTR.frameType]),
    );
    expect(frames).toHaveLength(2);
    expect(frames).toContainEqual(["hello", "accept", "offer", "grant", "first_token", "done", "ack"]);
  }
  for (const trace of traces) {
    const [candidate] = named(trace, SPAN.kvFindBestMatch).flatMap(({ events }) => events);
    expect(candidate!.attributes).toMatchObject({ [ATTR.promptBlocks]: expect.anything() });
  }
  const changes = named(receiver.spans(), STANDALONE.workersChanged);
  for (const change of changes) expectContract([change], {});
  const came = changes.flatMap(({ attributes }) => attributes[ATTR.workersAdded] as string[]);
  expect(came.map((worker) => worker.split(" ")[0])).toEqual(
    expect.arrayContaining(["prefill-0", "decode-0"]),
  );
  const steps = named(receiver.spans(), STANDALONE.engineStep);
  for (const step of steps) expectContract([step], {});
  const served = new Set(steps.flatMap(({ links }) => links.map(({ traceId }) => traceId)));
  expect(served).toEqual(new Set(traces.map(([span]) => span!.traceId)));
  expect(steps.every(isStandalone)).toBe(true);
  expect(steps[0]!.attributes).toMatchObject({
    [ATTR.batchSize]: expect.anything(),
    [ATTR.prefillTokens]: expect.anything(),
  });
});

test("without the request module only steps could be traced, and they have nothing to link to", async () => {
  receiver.clear();
  await using cluster = await startCluster([], { BATON_TRACE_MODULES: "engine" });
  await ask(cluster);
  await cluster[Symbol.asyncDispose]();
  expect(receiver.spans()).toEqual([]);
});

test.each([
  ["traceidratio", "0", 0],
  ["traceidratio", "1", 1],
  ["always_off", undefined, 0],
] as const)("the sampler %s %s is honoured", async (sampler, ratio, traces) => {
  receiver.clear();
  const env = { OTEL_TRACES_SAMPLER: sampler, ...(ratio && { OTEL_TRACES_SAMPLER_ARG: ratio }) };
  await using cluster = await startCluster([], env);
  await ask(cluster);
  await cluster[Symbol.asyncDispose]();
  expect(groupTraces(receiver.spans()).size).toBe(traces);
});

test.each([1, 2, 3] as const)(
  "one worker of both roles keeps the contract at level %i",
  async (level: TraceLevel) => {
    receiver.clear();
    const otlp = { endpoint: receiver.grpcEndpoint, protocol: "grpc" as const };
    await using cluster = await Cluster.start({ otlp, mode: "aggregated" });
    const trace = await traceOf(await ask(cluster, {}, atLevel(level)), [], 2);
    expectContract(trace, { level, rooms: false });
    expect(namesOf(trace)).toContain("Aggregated Worker 0");
  },
);
