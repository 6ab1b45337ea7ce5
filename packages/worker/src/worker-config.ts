import type { PageDtype } from "@baton/core";
import type { ModelSource, WeightFormat } from "@baton/model";

/** The settings that every worker shares, as compiled by the config package. Units are in the names or beside them. */
export interface WorkerConfig extends ModelSource {
  /** Folder of compiled models. */
  readonly cacheFolder: string;
  readonly workerId: string;
  /** Address to listen on. */
  readonly host: string;
  /** Host that others use to reach this worker; see advertised-host.ts for the default. */
  readonly advertiseHost?: string | undefined;
  /** 0 picks a free port. */
  readonly grpcPort: number;
  /** 0 picks a free port. */
  readonly metricsPort: number;
  /** `host:port` of the router's registry. */
  readonly registryAddress: string;
  /** Redis to be announced in instead. */
  readonly redisUrl?: string | undefined;
  /** Its password, where the URL has none. */
  readonly redisPassword?: string | undefined;
  readonly redisNamespace: string;
  /** How often to announce in Redis; a router's registry says so itself. */
  readonly heartbeatMs: number;
  /** Precision that the model computes in. */
  readonly weights: WeightFormat;
  readonly engine: "onnx" | "mock";
  /** How many times faster than its timing model a mock runs; above 0. */
  readonly mockSpeedup: number;
  /** Unsigned 32-bit. */
  readonly mockSeed: number;
  /** Longest prompt plus answer of a mock. */
  readonly mockContextTokens: number;
  readonly mockKvBlocks: number;
  /** Bytes of KV, in blocks and pages. */
  readonly kvMemory: number;
  /** Elements of the KV of running sequences, for who decodes; `fp32` unless given. */
  readonly kvDtype?: PageDtype;
  /** Tokens per block. */
  readonly blockSize: number;
  /** Tokens of one prefill chunk. */
  readonly chunkTokens: number;
  /** Sequences in one decode batch. */
  readonly maxRunning: number;
  readonly maxSequences: number;
  /** Intra-op threads of the model. */
  readonly threads: number;
  readonly drainTimeoutMs: number;
}
