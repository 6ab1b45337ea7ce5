/**
 * A cluster of real processes whose traces arrive at a real OTLP receiver, and what each request that was sent to it
 * must leave behind.
 */
import { randomUUID } from "node:crypto";
import { BABBLE_MODEL } from "@baton/model/testing";
import {
  type ContractOptions,
  checkTrace,
  type ExportedSpan,
  formatTree,
  groupTraces,
  isStandalone,
} from "@baton/tracing";
import type { Cluster, ClusterOptions } from "../../support/cluster.ts";
import { eventually } from "../../support/eventually.ts";
import { type OtlpReceiver, startOtlpReceiver } from "../../support/otlp-receiver.ts";
import { scrape, total } from "../../support/scrape.ts";
import { collect, post, type SseStream } from "../../support/sse.ts";
import { startWith } from "../../support/start-with.ts";

/** The cluster of a run; its traces go over gRPC unless told otherwise. */
export interface TracedRunOptions extends Omit<ClusterOptions, "otlp"> {
  readonly protocol?: "grpc" | "http/protobuf";
}

/** How a request ends for its client, and what else the contract should know. */
export type Expectation = ContractOptions & { readonly outcome: NonNullable<ContractOptions["outcome"]> };

/** A request that was sent under an id of its own. */
export interface SentRequest {
  readonly id: string;
  readonly answer: Promise<SseStream>;
}

export class TracedRun {
  readonly cluster: Cluster;
  readonly receiver: OtlpReceiver;
  readonly #mode: ClusterOptions["mode"];
  readonly #expected = new Map<string, Expectation>();

  private constructor(cluster: Cluster, receiver: OtlpReceiver, mode: ClusterOptions["mode"]) {
    this.cluster = cluster;
    this.receiver = receiver;
    this.#mode = mode;
  }

  static async start({ protocol = "grpc", ...options }: TracedRunOptions): Promise<TracedRun> {
    const receiver = await startOtlpReceiver({ protocol: protocol === "grpc" ? "grpc" : "http" });
    const endpoint = protocol === "grpc" ? receiver.grpcEndpoint : receiver.httpEndpoint;
    const cluster = await startWith(receiver, { ...options, otlp: { endpoint, protocol } });
    return new TracedRun(cluster, receiver, options.mode);
  }

  async stop(): Promise<void> {
    await this.cluster[Symbol.asyncDispose]();
    await this.receiver.stop();
  }

  /** Sends a request, and notes how its trace must end. */
  send(
    expectation: Expectation,
    body: Record<string, unknown> = {},
    headers: Record<string, string> = {},
  ): SentRequest {
    const id = randomUUID();
    this.#expect(id, expectation);
    const answer = post(`${this.cluster.url}/v1/completions`, bodyOf(id, body), {
      "x-request-id": id,
      ...headers,
    });
    return { id, answer };
  }

  /** Sends a request that must succeed; resolves with its id once it was answered. */
  async ask(body: Record<string, unknown> = {}, headers: Record<string, string> = {}): Promise<string> {
    return this.askExpecting({}, body, headers);
  }

  /** The same where the contract should know more. */
  async askExpecting(
    options: ContractOptions,
    body: Record<string, unknown> = {},
    headers: Record<string, string> = {},
  ): Promise<string> {
    const { id, answer } = this.send({ ...options, outcome: "success" }, body, headers);
    const { status, events } = await answer;
    const payloads: string[] = [];
    for await (const payload of events) payloads.push(payload);
    if (status !== 200) throw new Error(`Cannot ask: expected 200, got ${status} ${payloads.join("")}`);
    return id;
  }

  /** Sends a request that must fail, not necessarily from its start; resolves with its id and the answer's status. */
  async fail(body: Record<string, unknown> = {}): Promise<{ readonly id: string; readonly status: number }> {
    const { id, answer } = this.send({ outcome: "error" }, body);
    const response = await answer;
    const payloads = await collect(response);
    if (!payloads.at(-1)?.includes('"error"'))
      throw new Error(`Cannot see the error: the last event is ${payloads.at(-1)}`);
    return { id, status: response.status };
  }

  /** Sends a request whose client leaves once `phase` has resolved; resolves with its id. */
  async leave(body: Record<string, unknown>, phase: () => Promise<unknown>): Promise<string> {
    const id = randomUUID();
    this.#expect(id, { outcome: "canceled" });
    const controller = new AbortController();
    const left = fetch(`${this.cluster.url}/v1/completions`, {
      method: "POST",
      headers: { "content-type": "application/json", "x-request-id": id },
      body: JSON.stringify(bodyOf(id, body)),
      signal: controller.signal,
    }).then(
      (response) => response.text().then(fail, () => {}),
      () => {},
    );
    await phase();
    controller.abort();
    await left;
    return id;
  }

  /** What was sent under this id leaves no trace. */
  expectNoTrace(id: string): void {
    this.#expected.delete(id);
  }

  /** The trace of a request, once it keeps the contract and has spans of all these names. */
  async traceOf(id: string, names: readonly string[] = []): Promise<readonly ExportedSpan[]> {
    const find = (spans: readonly ExportedSpan[]) => {
      const root = spans.find(({ name }) => name === `Req ${id}`);
      return root ? spans.filter(({ traceId }) => traceId === root.traceId) : [];
    };
    let wrong: unknown = "it has no root";
    const isWhole = (spans: readonly ExportedSpan[]) => {
      const trace = find(spans);
      const missing = names.filter((wanted) => !trace.some(({ name }) => name === wanted));
      const violations = checkTrace(trace, this.#expected.get(id));
      wrong = missing.length > 0 ? `no ${missing.join(", ")}` : violations;
      return missing.length === 0 && violations.length === 0;
    };
    await this.receiver.waitFor(isWhole).catch(() => {
      const tree = formatTree(find(this.receiver.spans()));
      throw new Error(`Cannot find the whole trace of "${id}": ${JSON.stringify(wrong)}\n${tree}`);
    });
    return find(this.receiver.spans());
  }

  /** Resolves once no process holds anything of any request. */
  async atRest(): Promise<void> {
    await this.cluster.atRest();
    await eventually("the router has no open span", async () => {
      return total(await scrape(this.cluster, "router"), "baton_trace_spans_open") === 0;
    });
  }

  /** Uses of the tracing package that are defects, over all processes. */
  async defects(): Promise<number> {
    const names = ["router", ...this.cluster.workers];
    const all = await Promise.all(names.map((name) => scrape(this.cluster, name)));
    return all.reduce((sum, one) => sum + total(one, "baton_trace_defects_total"), 0);
  }

  /** Ends the cluster and checks every span that was received. @throws Error with the tree of the first wrong trace */
  async endAndCheckAll(): Promise<void> {
    await this.cluster[Symbol.asyncDispose]();
    const missing = new Set(this.#expected.keys());
    for (const trace of groupTraces(this.receiver.spans()).values()) {
      const id = trace.find(({ name }) => name.startsWith("Req "))?.name.slice("Req ".length);
      const standalone = trace.every(isStandalone);
      const expectation = id === undefined ? undefined : this.#expected.get(id);
      if (!standalone && !expectation)
        throw new Error(`Cannot tell whose trace this is:\n${formatTree(trace)}`);
      const violations = checkTrace(trace, expectation);
      if (violations.length > 0) throw new Error(`${JSON.stringify(violations)}\n${formatTree(trace)}`);
      if (id !== undefined) missing.delete(id);
    }
    if (missing.size > 0) throw new Error(`Cannot find the traces of ${[...missing].join(", ")}`);
  }

  #expect(id: string, expectation: Expectation): void {
    this.#expected.set(id, {
      level: 3,
      rooms: this.#mode !== "aggregated",
      lostParts: expectation.outcome !== "success",
      ...expectation,
    });
  }
}

function bodyOf(id: string, body: Record<string, unknown>): Record<string, unknown> {
  return { model: BABBLE_MODEL, prompt: `${id} tells a story`, max_tokens: 8, temperature: 0, ...body };
}

function fail(): never {
  throw new Error("Cannot leave: the whole answer was there before");
}

/** A prompt of about 3,700 tokens that no prefix cache knows. */
export function longPrompt(): string {
  return `${randomUUID()} `.repeat(100);
}
