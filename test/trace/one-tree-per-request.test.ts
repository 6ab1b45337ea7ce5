/**
 * Must hold: every request, the failing ones too, exports exactly one connected trace, checked on what a real OTLP
 * receiver got from real processes.
 */

import { randomBytes, randomUUID } from "node:crypto";
import { BABBLE_MODEL } from "@baton/model/testing";
import {
  ATTR,
  type ContractOptions,
  checkTrace,
  type ExportedSpan,
  formatTree,
  groupTraces,
  SPAN,
} from "@baton/tracing";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "@jest/globals";
import { Cluster } from "../support/cluster.ts";
import { type OtlpReceiver, startOtlpReceiver } from "../support/otlp-receiver.ts";
import { collect, post } from "../support/sse.ts";

const DISAGGREGATED_TREE = [
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

describe.each(["grpc", "http/protobuf"] as const)("over %s", (protocol) => {
  let receiver: OtlpReceiver;
  let cluster: Cluster;
  /** What each request of this run must leave behind, by request id. */
  const expected = new Map<string, ContractOptions>();

  beforeAll(async () => {
    receiver = await startOtlpReceiver({ protocol: "both" });
    const endpoint = protocol === "grpc" ? receiver.grpcEndpoint : receiver.httpEndpoint;
    cluster = await Cluster.start({
      otlp: { endpoint, protocol },
      workerArgs: ["--chunk-tokens", "32", "--max-running", "2"],
    });
  }, 60_000);

  afterAll(async () => {
    await cluster?.[Symbol.asyncDispose]();
    await receiver?.stop();
  });

  afterEach(() => cluster.atRest());

  /** Sends a request under an id of its own and notes how its trace must end. */
  function send(
    outcome: NonNullable<ContractOptions["outcome"]>,
    body: Record<string, unknown>,
    headers: Record<string, string> = {},
    externalParents: readonly string[] = [],
  ) {
    const id = randomUUID();
    expected.set(id, { outcome, externalParents });
    const answer = post(
      `${cluster.url}/v1/completions`,
      { model: BABBLE_MODEL, prompt: `${id} tells a story`, max_tokens: 8, temperature: 0, ...body },
      { "x-request-id": id, ...headers },
    );
    return { id, answer };
  }

  const longPrompt = () => `${randomUUID()} `.repeat(200);

  /** The trace of a request, once it keeps the contract and has spans of all these names. */
  async function traceOf(id: string, names: readonly string[] = []): Promise<readonly ExportedSpan[]> {
    const spansOf = (spans: readonly ExportedSpan[]) => {
      const root = spans.find(({ name }) => name === `Req ${id}`);
      return root ? spans.filter(({ traceId }) => traceId === root.traceId) : [];
    };
    await receiver.waitFor((spans) => {
      const trace = spansOf(spans);
      const present = new Set(trace.map(({ name }) => name));
      return names.every((name) => present.has(name)) && checkTrace(trace, expected.get(id)).length === 0;
    });
    return spansOf(receiver.spans());
  }

  test.each([false, true])("a request that succeeds (stream: %s)", async (stream) => {
    const { id, answer } = send("success", { stream });
    await collect(await answer);
    const trace = await traceOf(id, DISAGGREGATED_TREE);
    const roots = trace.filter(({ parentSpanId }) => parentSpanId === undefined);
    expect(roots.map(({ name }) => name)).toEqual([`Req ${id}`]);
    const services = new Set(trace.map(({ resource }) => resource["service.name"]));
    expect([...services].sort()).toEqual(["baton-decode-worker", "baton-prefill-worker", "baton-router"]);
  });

  test("the tree has the documented shape", async () => {
    const { id, answer } = send("success", {});
    await collect(await answer);
    const trace = await traceOf(id, DISAGGREGATED_TREE);
    const byId = new Map(trace.map((span) => [span.spanId, span]));
    const path = (span: ExportedSpan): string => {
      const parent = byId.get(span.parentSpanId ?? "");
      const name = span.name.replace(/ \(host:[0-9a-f]{8} \| pid:\d+\)$/, "");
      const own = span.name === `Req ${id}` ? "Req" : span.kind === "internal" ? name : span.kind;
      return parent ? `${path(parent)} > ${own}` : own;
    };
    const paths = new Set(trace.map(path));
    for (const wanted of [
      "Req > Router > tokenize",
      "Req > Router > prefill_routing > kv_find_best_match",
      "Req > Router > decode_routing",
      "Req > Router > prefill_leg > client > server > Prefill Worker 0 > prefill > prefill_bootstrap",
      "Req > Router > prefill_leg > client > server > Prefill Worker 0 > prefill > prefill_forward > chunked_prefill",
      "Req > Router > prefill_leg > client > server > Prefill Worker 0 > prefill > prefill_transfer_kv_cache > kv_send",
      "Req > Router > decode_leg > client > server > Decode Worker 0 > decode > decode_bootstrap",
      "Req > Router > decode_leg > client > server > Decode Worker 0 > decode > decode_transferred > kv_recv",
      "Req > Router > decode_leg > client > server > Decode Worker 0 > decode > decode_forward",
    ]) {
      expect([...paths]).toContain(wanted);
    }
  });

  test("an answer that ends with its first token", async () => {
    const { id, answer } = send("success", { max_tokens: 1 });
    await collect(await answer);
    await traceOf(id, [SPAN.quickFinish]);
  });

  test("an answer that a stop string ends", async () => {
    const whole = JSON.parse(
      (await collect(await send("success", { prompt: "stop here", max_tokens: 40 }).answer))[0]!,
    );
    const stop = whole.choices[0].text.slice(5, 7);
    const { id, answer } = send("success", { prompt: "stop here", max_tokens: 40, stop });
    expect(JSON.parse((await collect(await answer))[0]!).choices[0].finish_reason).toBe("stop");
    await traceOf(id);
  });

  test("a request inside the client's own trace", async () => {
    const traceId = randomBytes(16).toString("hex");
    const spanId = randomBytes(8).toString("hex");
    const headers = { traceparent: `00-${traceId}-${spanId}-01`, tracestate: "vendor=value" };
    const { id, answer } = send("success", {}, headers, [spanId]);
    await collect(await answer);
    const trace = await traceOf(id);
    expect(trace[0]!.traceId).toBe(traceId);
    expect(trace.find(({ name }) => name === `Req ${id}`)!.parentSpanId).toBe(spanId);
    expect(new Set(trace.map(({ traceState }) => traceState))).toEqual(new Set(["vendor=value"]));
  });

  test("a request that the client does not sample is sampled nowhere", async () => {
    const traceId = randomBytes(16).toString("hex");
    const { id, answer } = send(
      "success",
      {},
      { traceparent: `00-${traceId}-${randomBytes(8).toString("hex")}-00` },
    );
    expected.delete(id);
    await collect(await answer);
    // A later sampled request is exported after anything that the unsampled one could have left.
    const later = send("success", {});
    await collect(await later.answer);
    await traceOf(later.id);
    expect(receiver.spans().filter((span) => span.traceId === traceId)).toEqual([]);
  });

  test("a request that is refused before any worker is touched", async () => {
    const { id, answer } = send("error", { prompt: "a".repeat(20_000) });
    expect((await answer).status).toBe(400);
    const [root] = (await traceOf(id)).filter(({ name }) => name === `Req ${id}`);
    expect(root!.attributes[ATTR.errorType]).toBe("invalid_argument");
  });

  test("a client that leaves while its prompt is prefilled", async () => {
    const { id, answer } = sendAndLeave({ prompt: longPrompt() }, () =>
      cluster.until("prefill-0", "prefills", ({ sequences }) => sequences.prefilling === 1),
    );
    await answer;
    await traceOf(id);
  });

  test("a client that leaves while its KV is transferred", async () => {
    const { id, answer } = sendAndLeave({ prompt: longPrompt() }, () =>
      cluster.until("decode-0", "receives", ({ rooms }) => rooms.transferring === 1),
    );
    await answer;
    await traceOf(id);
  });

  test("a client that leaves while its answer is decoded", async () => {
    const { id, answer } = sendAndLeave({ max_tokens: 5000 }, () =>
      cluster.until("decode-0", "decodes", ({ sequences }) => sequences.running === 1),
    );
    await answer;
    await traceOf(id);
  });

  test("a deadline that passes", async () => {
    await using short = await Cluster.start({
      otlp: { endpoint: receiver.grpcEndpoint, protocol: "grpc" },
      routerArgs: ["--request-timeout-ms", "300"],
      workerArgs: ["--chunk-tokens", "16"],
    });
    const id = randomUUID();
    expected.set(id, { outcome: "error" });
    const answer = await post(
      `${short.url}/v1/completions`,
      { model: BABBLE_MODEL, prompt: longPrompt(), max_tokens: 500 },
      { "x-request-id": id },
    );
    expect(answer.status).toBe(504);
    await short.atRest();
    await traceOf(id);
  });

  test("a prefill worker killed in mid-transfer", async () => {
    const { id, answer } = send("error", { prompt: longPrompt() });
    await cluster.until("decode-0", "receives", ({ rooms }) => rooms.transferring === 1);
    await cluster.end("prefill-0", "SIGKILL");
    expect((await answer).status).toBeGreaterThanOrEqual(500);
    await traceOf(id);
    await cluster.restart("prefill-0");
    await cluster.ready();
  });

  test("a decode worker killed in mid-stream", async () => {
    const { id, answer } = send("error", { stream: true, max_tokens: 5000 });
    let events = 0;
    for await (const _ of (await answer).events) {
      if (++events === 3) await cluster.end("decode-0", "SIGKILL");
    }
    await traceOf(id);
    await cluster.restart("decode-0");
    await cluster.ready();
  });

  test("no worker of a role", async () => {
    await cluster.end("decode-0");
    const { id, answer } = send("error", {});
    expect((await answer).status).toBe(503);
    await traceOf(id);
    await cluster.restart("decode-0");
    await cluster.ready();
  });

  test("many requests at once keep their spans apart", async () => {
    const sent = Array.from({ length: 40 }, (_, i) => send("success", { prompt: `${i} `.repeat(i + 1) }));
    await Promise.all(sent.map(async ({ answer }) => collect(await answer)));
    for (const { id } of sent) await traceOf(id);
  });

  test("after all of this every trace received belongs to one request and keeps the contract", async () => {
    await cluster[Symbol.asyncDispose]();
    const traces = groupTraces(receiver.spans());
    const ids = new Set<string>();
    for (const trace of traces.values()) {
      const id = trace.find(({ name }) => name.startsWith("Req "))?.name.slice("Req ".length);
      const violations = id ? checkTrace(trace, expected.get(id)) : [{ kind: "no_root", message: "" }];
      if (violations.length > 0) throw new Error(`${JSON.stringify(violations)}\n${formatTree(trace)}`);
      ids.add(id!);
    }
    expect(ids).toEqual(new Set(expected.keys()));
    expect(traces.size).toBe(expected.size);
    cluster = await Cluster.start();
  });

  function sendAndLeave(body: Record<string, unknown>, phase: () => Promise<unknown>) {
    const id = randomUUID();
    expected.set(id, { outcome: "canceled" });
    const controller = new AbortController();
    const answer = fetch(`${cluster.url}/v1/completions`, {
      method: "POST",
      headers: { "content-type": "application/json", "x-request-id": id },
      body: JSON.stringify({ model: BABBLE_MODEL, prompt: `${id} tells`, max_tokens: 8, ...body }),
      signal: controller.signal,
    }).then(
      (response) => response.text(),
      () => "left",
    );
    const left = phase().then(async () => {
      controller.abort();
      expect(await answer).toBe("left");
    });
    return { id, answer: left };
  }
});
