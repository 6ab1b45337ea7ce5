/** Requests that are answered, and those whose sender decides about their trace. */
import { randomBytes } from "node:crypto";
import { ATTR, type ExportedSpan, SPAN, type TraceLevel } from "@baton/tracing";
import { expect } from "@jest/globals";
import { collect } from "../../support/sse.ts";
import type { Scenario } from "./scenario.ts";
import { longPrompt, type TracedRun } from "./traced-run.ts";

/** What a request that two workers answer has at least. */
export const DISAGGREGATED_TREE: readonly string[] = [
  SPAN.admission,
  SPAN.tokenize,
  SPAN.prefillRouting,
  SPAN.kvFindBestMatch,
  SPAN.decodeRouting,
  SPAN.prefillLeg,
  SPAN.prefill,
  SPAN.prefillBootstrap,
  SPAN.prefillForward,
  SPAN.prefillTransfer,
  SPAN.decodeLeg,
  SPAN.decode,
  SPAN.decodeBootstrap,
  SPAN.decodeTransferred,
  SPAN.decodeForward,
];

/** What a request has at least whose decode worker computes the prompt itself. */
const AGGREGATED_TREE: readonly string[] = [
  SPAN.tokenize,
  SPAN.decodeRouting,
  SPAN.decodeLeg,
  SPAN.decode,
  SPAN.prefillForward,
  SPAN.decodeForward,
];

/** A client's own trace context. */
function clientContext(sampled: boolean) {
  const traceId = randomBytes(16).toString("hex");
  const spanId = randomBytes(8).toString("hex");
  const traceparent = `00-${traceId}-${spanId}-${sampled ? "01" : "00"}`;
  return { traceId, spanId, headers: { traceparent, tracestate: "vendor=value,other=1" } };
}

const insideClientTrace: Scenario = {
  name: "a request inside the client's own trace, sampled, with tracestate",
  async run(traced) {
    const { traceId, spanId, headers } = clientContext(true);
    const id = await traced.askExpecting({ externalParents: [spanId] }, {}, headers);
    const trace = await traced.traceOf(id, DISAGGREGATED_TREE);
    expect(trace[0]!.traceId).toBe(traceId);
    expect(trace.find(({ name }) => name === `Req ${id}`)!.parentSpanId).toBe(spanId);
    expect(new Set(trace.map(({ traceState }) => traceState))).toEqual(new Set(["vendor=value,other=1"]));
  },
};

const unsampledByClient: Scenario = {
  name: "a request that the client does not sample leaves no span anywhere",
  async run(traced) {
    const { traceId, headers } = clientContext(false);
    traced.expectNoTrace(await traced.ask({}, headers));
    // A later sampled request is exported after anything that the unsampled one could have left.
    await traced.traceOf(await traced.ask(), DISAGGREGATED_TREE);
    expect(traced.receiver.spans().filter((span) => span.traceId === traceId)).toEqual([]);
  },
};

const severalAnswers: Scenario = {
  name: "several answers to one prompt (n = 3)",
  async run(traced) {
    const trace = await traced.traceOf(await traced.ask({ n: 3, temperature: 1 }), DISAGGREGATED_TREE);
    const rooms = trace
      .filter(({ name }) => name === SPAN.decode)
      .map(({ attributes }) => attributes[ATTR.bootstrapRoom]);
    expect(new Set(rooms).size).toBe(3);
  },
};

const manyAtOnce: Scenario = {
  name: "many requests at once keep their spans apart",
  async run(traced) {
    const ids = await Promise.all(
      Array.from({ length: 30 }, (_, i) =>
        traced.ask({ prompt: `${i} `.repeat(i + 1), stream: i % 2 === 0 }),
      ),
    );
    for (const id of ids) await traced.traceOf(id, DISAGGREGATED_TREE);
  },
};

const stopString: Scenario = {
  name: "an answer that a stop string ends",
  async run(traced) {
    const whole = traced.send({ outcome: "success" }, { prompt: "stop here", max_tokens: 40 });
    const { text } = JSON.parse((await collect(await whole.answer))[0]!).choices[0];
    const id = await traced.ask({ prompt: "stop here", max_tokens: 40, stop: text.slice(5, 7) });
    await traced.traceOf(id, [SPAN.prefill, SPAN.decode]);
  },
};

/** Paths from the root, each span by its name, gRPC calls by their kind and threads by their label. */
const DOCUMENTED_PATHS: readonly string[] = [
  "Req > Router > tokenize",
  "Req > Router > prefill_routing > kv_find_best_match",
  "Req > Router > decode_routing",
  "Req > Router > prefill_leg > client > server > Prefill Worker 0 > prefill > prefill_bootstrap",
  "Req > Router > prefill_leg > client > server > Prefill Worker 0 > prefill > prefill_forward > chunked_prefill",
  "Req > Router > prefill_leg > client > server > Prefill Worker 0 > prefill > prefill_transfer_kv_cache > kv_send",
  "Req > Router > decode_leg > client > server > Decode Worker 0 > decode > decode_bootstrap",
  "Req > Router > decode_leg > client > server > Decode Worker 0 > decode > decode_transferred > kv_recv",
  "Req > Router > decode_leg > client > server > Decode Worker 0 > decode > decode_forward",
];

const documentedShape: Scenario = {
  name: "the tree has the documented shape",
  async run(traced) {
    const id = await traced.ask({ prompt: `${randomBytes(8).toString("hex")} `.repeat(4) });
    const trace = await traced.traceOf(id, [...DISAGGREGATED_TREE, SPAN.kvRecv, SPAN.kvSend]);
    const byId = new Map(trace.map((span) => [span.spanId, span]));
    const path = (span: ExportedSpan): string => {
      const parent = byId.get(span.parentSpanId ?? "");
      const label = String(span.attributes[ATTR.threadLabel] ?? span.name);
      const own = span.name === `Req ${id}` ? "Req" : span.kind === "internal" ? label : span.kind;
      return parent ? `${path(parent)} > ${own}` : own;
    };
    for (const { attributes } of trace.filter(({ kind }) => kind === "client" || kind === "server")) {
      if (attributes[ATTR.rpcMethod] === undefined) continue; // The client's own span is no call.
      expect(attributes).toMatchObject({
        [ATTR.serverAddress]: "127.0.0.1",
        [ATTR.serverPort]: expect.any(Number),
      });
    }
    expect([...new Set(trace.map(path))]).toEqual(expect.arrayContaining([...DOCUMENTED_PATHS]));
  },
};

function answered(name: string, body: Record<string, unknown>, spans = DISAGGREGATED_TREE): Scenario {
  return { name, run: async (traced) => void (await traced.traceOf(await traced.ask(body), spans)) };
}

function atLevel(level: TraceLevel): Scenario {
  const spans =
    level < 2 ? [] : DISAGGREGATED_TREE.filter((name) => level > 2 || name !== SPAN.kvFindBestMatch);
  return {
    name: `a request of level ${level}`,
    async run(traced: TracedRun) {
      const id = await traced.askExpecting({ level }, {}, { "x-baton-trace-level": `${level}` });
      const trace = await traced.traceOf(id, spans);
      if (level > 1) return;
      await traced.receiver.waitForTrace(trace[0]!.traceId, (all) => all.length === 4);
    },
  };
}

const levelZero: Scenario = {
  name: "a request of level 0 leaves no span anywhere",
  async run(traced) {
    const id = await traced.ask({}, { "x-baton-trace-level": "0" });
    traced.expectNoTrace(id);
    await traced.traceOf(await traced.ask(), DISAGGREGATED_TREE);
    expect(traced.receiver.spans().some(({ name }) => name === `Req ${id}`)).toBe(false);
  },
};

export const ANSWERED: readonly Scenario[] = [
  answered("an answer in one piece", {}),
  answered("a streamed answer", { stream: true }),
  answered("an answer that ends with its first token", { max_tokens: 1 }, [SPAN.prefill, SPAN.quickFinish]),
  answered("a prompt of many chunks", { prompt: longPrompt() }, [...DISAGGREGATED_TREE, SPAN.kvRecv]),
  documentedShape,
  stopString,
  severalAnswers,
  insideClientTrace,
  unsampledByClient,
  levelZero,
  atLevel(1),
  atLevel(2),
  atLevel(3),
  manyAtOnce,
];

export const ANSWERED_BY_ONE_WORKER: readonly Scenario[] = [
  answered("an answer in one piece", {}, AGGREGATED_TREE),
  answered("a streamed answer", { stream: true }, AGGREGATED_TREE),
  answered("several answers to one prompt", { n: 3 }, AGGREGATED_TREE),
];

/** A prompt that goes to the pair first; what begins like it is then computed by the decode worker. */
const localPrefill: Scenario = {
  name: "a prompt that begins like one before",
  async run(traced) {
    const prompt = longPrompt();
    await traced.traceOf(await traced.ask({ prompt }), DISAGGREGATED_TREE);
    const expectation = { rooms: false };
    for (const stream of [false, true]) {
      const body = { prompt: `${prompt} and so on`, stream };
      const trace = await traced.traceOf(await traced.askExpecting(expectation, body), AGGREGATED_TREE);
      const routing = trace.find(({ name }) => name === SPAN.decodeRouting)!;
      expect(routing.attributes).toMatchObject({
        [ATTR.disaggregationVerdict]: "local",
        [ATTR.disaggregationReason]: "short_prompt",
      });
      expect(trace.map(({ name }) => name)).not.toContain(SPAN.prefillLeg);
      const decode = trace.find(({ name }) => name === SPAN.decode)!;
      expect(decode.attributes[ATTR.cachedTokens]).toBeGreaterThan(0);
    }
  },
};

export const COMPUTED_LOCALLY: readonly Scenario[] = [localPrefill];
