/** A cluster with workers to spare, whose streams are disturbed in their middle, and what its clients see of it. */
import { ATTR, checkTrace, EVENT, type ExportedSpan, formatTree, SPAN } from "@baton/tracing";
import { Cluster, type ClusterOptions } from "./cluster.ts";
import { eventually } from "./eventually.ts";
import { type OtlpReceiver, startOtlpReceiver } from "./otlp-receiver.ts";
import { post } from "./sse.ts";

/** One stream, read up to some point. */
interface BegunStream {
  /** The payloads so far. */
  readonly begun: readonly string[];
  /** Reads on to the end; resolves with all payloads. */
  rest(): Promise<readonly string[]>;
}

export class MovingStreams implements AsyncDisposable {
  readonly cluster: Cluster;
  readonly #receiver: OtlpReceiver;

  private constructor(cluster: Cluster, receiver: OtlpReceiver) {
    this.cluster = cluster;
    this.#receiver = receiver;
  }

  static async start(options: ClusterOptions): Promise<MovingStreams> {
    const receiver = await startOtlpReceiver({ protocol: "both" });
    const otlp = { endpoint: receiver.grpcEndpoint, protocol: "grpc" } as const;
    return new MovingStreams(await Cluster.start({ ...options, otlp }), receiver);
  }

  /** Starts a streamed completion and reads its first `count` payloads. */
  async begin(body: object, count: number, id?: string): Promise<BegunStream> {
    const stream = await post(
      `${this.cluster.url}/v1/completions`,
      { ...body, stream: true },
      id === undefined ? {} : { "x-request-id": id },
    );
    const events = stream.events[Symbol.asyncIterator]();
    const all: string[] = [];
    const read = async () => {
      const next = await events.next();
      if (!next.done) all.push(next.value);
      return !next.done;
    };
    while (all.length < count && (await read()));
    return {
      begun: [...all],
      async rest() {
        while (await read());
        return all;
      },
    };
  }

  /** The trace of a request, once it has so many parts of decode workers, lost ones not counted, and keeps the contract. */
  async traceOf(
    id: string,
    { legs, rooms = true, outcome = "success" }: TraceExpectation,
  ): Promise<readonly ExportedSpan[]> {
    const find = (spans: readonly ExportedSpan[]) => {
      const root = spans.find(({ name }) => name === `Req ${id}`);
      return root ? spans.filter(({ traceId }) => traceId === root.traceId) : [];
    };
    const violations = (spans: readonly ExportedSpan[]) =>
      checkTrace(find(spans), { outcome, lostParts: true, rooms });
    const complete = (spans: readonly ExportedSpan[]) =>
      find(spans).filter(({ name }) => name === SPAN.decodeLeg).length === legs &&
      violations(spans).length === 0;
    try {
      await this.#receiver.waitFor(complete);
    } catch (cause) {
      const spans = this.#receiver.spans();
      throw new Error(`${formatTree(find(spans))}\n${JSON.stringify(violations(spans))}`, { cause });
    }
    return find(this.#receiver.spans());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.cluster[Symbol.asyncDispose]();
    await this.#receiver.stop();
  }
}

interface TraceExpectation {
  /** Attempts of the decode side. */
  readonly legs: number;
  readonly rooms?: boolean;
  readonly outcome?: "success" | "error";
}

/** The worker that writes an answer at this moment. */
export function writingWorker(cluster: Cluster): Promise<string> {
  const names = cluster.workers.filter((name) => name.startsWith("decode"));
  return eventually("a worker writes", async () => {
    for (const name of names) {
      const { child } = cluster.process(name);
      if (child.exitCode !== null || child.signalCode !== null) continue;
      if ((await cluster.status(name)).sequences.running > 0) return name;
    }
    return false;
  });
}

/** The moves that the root of a trace tells of: why, and after how many tokens. */
export function movesOf(trace: readonly ExportedSpan[]) {
  return trace
    .flatMap(({ events }) => events)
    .filter(({ name }) => name === EVENT.migration)
    .map(({ attributes }) => ({
      reason: attributes[ATTR.errorType],
      answered: attributes[ATTR.answeredTokens],
    }));
}

/** The text of a streamed completion's payloads. */
export function textOf(payloads: readonly string[]): string {
  return payloads
    .filter((payload) => payload !== "[DONE]")
    .map((payload) => JSON.parse(payload).choices?.[0]?.text ?? "")
    .join("");
}
