/** A real router in this process, with fake workers: one of each role unless told otherwise. */
import { fileURLToPath } from "node:url";
import { readConfig } from "@baton/config";
import {
  BatonError,
  type FinishReason,
  type GenerationEvent,
  type Logger,
  silentLogger,
  untilAborted,
  type WorkerRole,
} from "@baton/core";
import type { Service } from "@baton/lifecycle";
import { createMetrics } from "@baton/metrics";
import { hashModel, modelName } from "@baton/model";
import { ensureBabbleCheckpoint } from "@baton/model/testing";
import type { GenerateCall } from "@baton/rpc";
import { startRouter } from "../compose.ts";
import { settings } from "../config.ts";
import { FakeWorker, type FakeWorkerOptions, type WorkerScript } from "./fake-worker.ts";
import { RecordingTracer } from "./recording-tracer.ts";

const CACHE = fileURLToPath(new URL("../../../../.cache/test", import.meta.url));

/** Made once for all clusters of a test file. */
let modelFolder: Promise<string> | undefined;

export interface TestClusterOptions {
  readonly workers?: readonly WorkerRole[];
  readonly script?: Partial<WorkerScript>;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly logger?: Logger;
  /** Makes the model's folder in the cache; the babbling model unless told otherwise. */
  readonly ensureModel?: (cacheFolder: string) => Promise<string>;
}

/** Streams a text, one token (one byte of UTF-8) per event, as the babbling model's tokenizer has them. */
export async function* tokensOf(
  text: string,
  call: GenerateCall,
  reason: FinishReason = "stop",
): AsyncGenerator<GenerationEvent, void, void> {
  const bytes = [...Buffer.from(text)];
  for (const byte of bytes) yield { type: "tokens", tokenIds: [byte] };
  const promptTokens = call.request.promptTokenIds.length;
  yield { type: "end", reason, usage: { promptTokens, cachedTokens: 3, completionTokens: bytes.length } };
}

/** Waits until the call is canceled. */
export async function untilCanceled(signal: AbortSignal): Promise<never> {
  return untilAborted(new Promise<never>(() => {}), signal);
}

export class TestCluster implements AsyncDisposable {
  readonly tracer: RecordingTracer;
  readonly model: string;
  readonly modelHash: string;
  readonly #service: Service;
  readonly #script: WorkerScript;
  readonly #workers = new Map<string, FakeWorker>();

  private constructor(
    parts: Pick<TestCluster, "tracer" | "model" | "modelHash">,
    service: Service,
    script: WorkerScript,
  ) {
    this.tracer = parts.tracer;
    this.model = parts.model;
    this.modelHash = parts.modelHash;
    this.#service = service;
    this.#script = script;
  }

  static async start(options: TestClusterOptions = {}): Promise<TestCluster> {
    modelFolder ??= ensureBabbleCheckpoint(CACHE);
    const folder = await (options.ensureModel?.(CACHE) ?? modelFolder);
    const argv = ["--port", "0", "--registry-port", "0", "--model", folder, ...(options.args ?? [])];
    const tracer = new RecordingTracer();
    const config = readConfig(settings, { argv, env: options.env ?? {} });
    const logger = options.logger ?? silentLogger;
    const service = await startRouter(config, { tracer, metrics: createMetrics("router"), logger });
    const script: WorkerScript = {
      prefill: async ({ request }) => ({
        usage: { promptTokens: request.promptTokenIds.length, cachedTokens: 3, completionTokens: 1 },
        firstTokenId: 65,
        kvBytes: 1024,
      }),
      generate: (call) => tokensOf("Hello there", call),
      ...options.script,
    };
    const model = { tracer, model: modelName(folder), modelHash: await hashModel(folder, "int8") };
    const cluster = new TestCluster(model, service, script);
    for (const role of options.workers ?? ["prefill", "decode"]) await cluster.addWorker(`${role}-0`, role);
    if (options.workers === undefined) await cluster.ready();
    return cluster;
  }

  get url(): string {
    return `http://${this.#service.addresses.http}`;
  }

  /** Of the port for admin calls, where there is one. */
  get adminUrl(): string {
    return `http://${this.#service.addresses.admin}`;
  }

  async addWorker(
    id: string,
    role: WorkerRole,
    differences: Partial<FakeWorkerOptions> = {},
  ): Promise<FakeWorker> {
    const registry = this.#service.addresses.grpc!;
    const { model, modelHash } = this;
    const options = { id, role, registry, model, modelHash, script: this.#script, ...differences };
    const worker = await new FakeWorker(options).start();
    this.#workers.set(id, worker);
    return worker;
  }

  worker(id: string): FakeWorker {
    return this.#workers.get(id)!;
  }

  async ready(): Promise<void> {
    while ((await fetch(`${this.url}/readiness`)).status !== 200);
  }

  post(path: string, body: unknown, init: RequestInit = {}): Promise<Response> {
    const text = typeof body === "string" ? body : JSON.stringify(body);
    return fetch(this.url + path, {
      method: "POST",
      body: text,
      ...init,
      headers: { "content-type": "application/json", ...init.headers },
    });
  }

  /** Sends a chat of one message. */
  chat(fields: object = {}, init: RequestInit = {}): Promise<Response> {
    const messages = [{ role: "user", content: "Hi" }];
    return this.post("/v1/chat/completions", { model: this.model, messages, ...fields }, init);
  }

  /** Stops the router as a signal would. */
  close(): Promise<void> {
    return this.#service.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#workers.values()].map((worker) => worker[Symbol.asyncDispose]()));
    await this.close();
  }
}

/** The events of a stream: parsed objects, and `[DONE]` as it is. */
// biome-ignore lint/suspicious/noExplicitAny: tests reach into JSON of many shapes
export async function sseEvents(response: Response): Promise<any[]> {
  const events = (await response.text()).split("\n\n").filter((event) => event !== "");
  return events.map((event) => {
    if (!event.startsWith("data: ")) throw new BatonError("internal", `Cannot read the event "${event}"`);
    const data = event.slice("data: ".length);
    return data === "[DONE]" ? data : JSON.parse(data);
  });
}

/** The JSON of a response. */
// biome-ignore lint/suspicious/noExplicitAny: tests reach into JSON of many shapes
export async function jsonOf(response: Response): Promise<any> {
  return response.json();
}
