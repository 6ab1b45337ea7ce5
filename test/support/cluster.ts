/** A whole cluster of real processes on free ports: one router and any number of workers, which may come and go. */
import { fileURLToPath } from "node:url";
import { ensureBabbleCheckpoint } from "@baton/model/testing";
import { createControlClient, type WorkerStatus } from "@baton/rpc";
import type { TestCertificates } from "@baton/tls/testing";
import OpenAI from "openai";
import { eventually } from "./eventually.ts";
import { type ServiceName, ServiceProcess, sourceOf } from "./service-process.ts";

/** Compiled models are shared by all tests. */
export const TEST_CACHE = fileURLToPath(new URL("../../.cache/test", import.meta.url));

/** What to start. */
export interface ClusterOptions {
  /** Prefill workers; 1 unless told otherwise. */
  readonly prefill?: number;
  /** Decode workers (aggregated ones in that mode); 1 unless told otherwise. */
  readonly decode?: number;
  readonly mode?: "disaggregated" | "aggregated";
  /** Model folder, or "demo"; the babbling model unless told otherwise. */
  readonly model?: string;
  readonly routerArgs?: readonly string[];
  readonly workerArgs?: readonly string[];
  /** Of the prefill workers only. */
  readonly prefillArgs?: readonly string[];
  /** Of the decode (or aggregated) workers only. */
  readonly decodeArgs?: readonly string[];
  /** Where traces go; none unless given. */
  readonly otlp?: { readonly endpoint: string; readonly protocol: "grpc" | "http/protobuf" };
  readonly env?: Readonly<Record<string, string>>;
  /** Certificates: each process has that of its service, and what asks workers for their status the router's. */
  readonly certificates?: TestCertificates;
  /** The main module of a service; its source unless told otherwise. */
  readonly program?: (service: ServiceName) => string;
  /** Flags of Node for every process. */
  readonly nodeFlags?: readonly string[];
}

interface Member {
  readonly service: ServiceName;
  readonly args: readonly string[];
  process: ServiceProcess;
}

/** A running cluster; `await using` ends all of it. */
export class Cluster implements AsyncDisposable {
  readonly #members = new Map<string, Member>();
  readonly #env: Readonly<Record<string, string>>;
  readonly #program: (service: ServiceName) => string;
  readonly #certificates: TestCertificates | undefined;
  readonly #nodeFlags: readonly string[];

  private constructor(
    env: Readonly<Record<string, string>>,
    { program = sourceOf, certificates, nodeFlags = [] }: ClusterOptions,
  ) {
    this.#env = env;
    this.#program = program;
    this.#certificates = certificates;
    this.#nodeFlags = nodeFlags;
  }

  /** Starts it and resolves once the router is ready to serve. */
  static async start(options: ClusterOptions = {}): Promise<Cluster> {
    const model = options.model ?? (await ensureBabbleCheckpoint(TEST_CACHE));
    const { prefill = 1, decode = 1, mode = "disaggregated", otlp } = options;
    const env = {
      BATON_CACHE: TEST_CACHE,
      BATON_LOG_LEVEL: "warn",
      BATON_MODEL: model,
      BATON_WEIGHTS: "fp32", // Answers are compared with those of reference implementations.
      ...(otlp && {
        OTEL_EXPORTER_OTLP_ENDPOINT: otlp.endpoint,
        OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: otlp.protocol,
        BATON_OTLP_EXPORTER_SCHEDULE_DELAY_MILLIS: "50",
      }),
      ...options.env,
    };
    const cluster = new Cluster(env, options);
    try {
      await cluster.#add("router", "router", [
        "--port",
        "0",
        "--registry-port",
        "0",
        ...(options.routerArgs ?? []),
      ]);
      const registry = ["--registry", cluster.process("router").addresses.grpc!];
      const workers: Promise<void>[] = [];
      const add = (name: string, service: ServiceName, args: readonly string[]) =>
        workers.push(
          cluster.#add(name, service, [
            "--worker-id",
            name,
            ...registry,
            ...args,
            ...(options.workerArgs ?? []),
          ]),
        );
      if (mode === "disaggregated") {
        for (let i = 0; i < prefill; i++) add(`prefill-${i}`, "prefill-worker", options.prefillArgs ?? []);
      }
      const role = mode === "aggregated" ? ["--role", "aggregated"] : [];
      const decodeArgs = [...role, ...(options.decodeArgs ?? [])];
      for (let i = 0; i < decode; i++) add(`decode-${i}`, "decode-worker", decodeArgs);
      await Promise.all(workers);
      if (workers.length > 0) await cluster.ready();
      return cluster;
    } catch (error) {
      await cluster[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** `http://host:port` of the router. */
  get url(): string {
    return `http://${this.process("router").addresses.http}`;
  }

  /** The official client, without its own retries. */
  get openai(): OpenAI {
    return new OpenAI({ baseURL: `${this.url}/v1`, apiKey: "none", maxRetries: 0 });
  }

  /** Names of the workers, for example `prefill-0`. */
  get workers(): readonly string[] {
    return [...this.#members.keys()].filter((name) => name !== "router");
  }

  process(name: string): ServiceProcess {
    const member = this.#members.get(name);
    if (!member)
      throw new Error(
        `Cannot find the process "${name}": the cluster has ${[...this.#members.keys()].join(", ")}`,
      );
    return member.process;
  }

  /** Resolves once `/readiness` says yes. */
  async ready(): Promise<void> {
    await eventually(
      "the router is ready",
      async () => (await fetch(`${this.url}/readiness`)).status === 200,
      {
        timeoutMs: 60_000,
      },
    );
  }

  /** What a worker holds at this moment. */
  async status(name: string): Promise<WorkerStatus> {
    const client = createControlClient(
      this.process(name).addresses.grpc!,
      this.#certificates?.identity("router"),
    );
    try {
      return await client.status({ signal: AbortSignal.timeout(5000) });
    } finally {
      client.close();
    }
  }

  /** Resolves once a worker's status satisfies `predicate`. */
  async until(
    name: string,
    what: string,
    predicate: (status: WorkerStatus) => boolean,
  ): Promise<WorkerStatus> {
    const client = createControlClient(
      this.process(name).addresses.grpc!,
      this.#certificates?.identity("router"),
    );
    try {
      return await eventually(`${name} ${what}`, async () => {
        const status = await client.status({ signal: AbortSignal.timeout(5000) });
        return predicate(status) && status;
      });
    } finally {
      client.close();
    }
  }

  /** Resolves once every worker holds nothing of any request: no sequence, block, room, connection or open span. */
  async atRest(): Promise<void> {
    await Promise.all(this.workers.map((name) => this.until(name, "is at rest", isAtRest)));
  }

  /** Ends a process; it stays in the cluster and can be started again under its name. */
  async end(name: string, signal?: NodeJS.Signals): Promise<number | NodeJS.Signals> {
    return this.process(name).end(signal);
  }

  /** Starts a process that was ended once more, with the settings it had. */
  async restart(name: string): Promise<void> {
    const member = this.#members.get(name)!;
    member.process = await this.#start(member.service, member.args);
  }

  /** Starts one more worker; `registry` is the router's unless given. */
  async addWorker(
    name: string,
    service: ServiceName,
    args: readonly string[],
    registry = this.process("router").addresses.grpc!,
  ): Promise<void> {
    await this.#add(name, service, ["--worker-id", name, "--registry", registry, ...args]);
  }

  /** Ends a worker for good. */
  async removeWorker(name: string): Promise<void> {
    await this.end(name);
    this.#members.delete(name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#members.values()].map(({ process }) => process.end()));
  }

  async #add(name: string, service: ServiceName, args: readonly string[]): Promise<void> {
    this.#members.set(name, { service, args, process: await this.#start(service, args) });
  }

  #start(service: ServiceName, args: readonly string[]): Promise<ServiceProcess> {
    const env = { ...this.#env, ...this.#certificates?.env(service) };
    return ServiceProcess.start(this.#program(service), args, env, this.#nodeFlags);
  }
}

/** Nothing of any request is left: the blocks add up, and everything else is zero. */
function isAtRest(status: WorkerStatus): boolean {
  const { sequences, blocks, rooms } = status;
  const busy = [
    ...Object.values(sequences),
    ...Object.values(rooms),
    status.kvConnections,
    status.openSpans,
    blocks.used,
  ];
  return busy.every((count) => count === 0) && blocks.free + blocks.cached === blocks.total;
}
