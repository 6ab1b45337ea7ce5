/** A worker of real gRPC without an engine: its answers are scripted by the test. */
import { randomUUID } from "node:crypto";
import { type GenerationEvent, type Logger, silentLogger, type WorkerRecord, workerId } from "@baton/core";
import {
  createGrpcWorkerAnnouncer,
  createRpcServer,
  type GenerateCall,
  type PrefillCall,
  type PrefillResult,
} from "@baton/rpc";

/** What a worker does with the calls it gets. */
export interface WorkerScript {
  prefill(call: PrefillCall): Promise<PrefillResult>;
  generate(call: GenerateCall): AsyncIterable<GenerationEvent>;
}

export interface FakeWorkerOptions {
  readonly id: string;
  readonly role: WorkerRecord["role"];
  readonly registry: string;
  readonly model: string;
  readonly modelHash: string;
  readonly blockSize?: number;
  readonly script: WorkerScript;
  readonly logger?: Logger;
}

export class FakeWorker implements AsyncDisposable {
  readonly prefills: PrefillCall[] = [];
  readonly generations: GenerateCall[] = [];
  readonly stops: string[] = [];
  readonly #options: FakeWorkerOptions;
  readonly #server = createRpcServer({ logger: silentLogger });
  readonly #announcer;

  constructor(options: FakeWorkerOptions) {
    this.#options = options;
    this.#announcer = createGrpcWorkerAnnouncer({
      address: options.registry,
      logger: options.logger ?? silentLogger,
    });
    const { script } = options;
    this.#server.addPrefill({
      prefill: (call) => {
        this.prefills.push(call);
        return script.prefill(call);
      },
    });
    this.#server.addDecode({
      generate: (call) => {
        this.generations.push(call);
        return script.generate(call);
      },
      stop: (requestId) => {
        this.stops.push(requestId);
      },
    });
  }

  async start(): Promise<this> {
    const { id, role, model, modelHash, blockSize = 16 } = this.#options;
    const { port } = await this.#server.listen("127.0.0.1", 0);
    this.#announcer.announce({
      id: workerId(id),
      epoch: randomUUID(),
      role,
      state: "serving",
      grpcAddress: `127.0.0.1:${port}`,
      ...(role === "prefill" && { kvAddress: { host: "127.0.0.1", port: 4242 } }),
      model,
      layout: { layers: 1, kvHeads: 1, headDim: 8, dtype: "float32", blockSize, modelHash },
      capacity: { kvBlocks: 1024, maxRunning: 8, maxModelTokens: 4096 },
    });
    return this;
  }

  /** Leaves the registry and drops every call. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#announcer.close();
    await this.#server.shutdown(0);
  }
}
