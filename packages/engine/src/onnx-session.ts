/** Owns the options of ONNX Runtime sessions and the moment at which they are created. */
import { BatonError } from "@baton/core";
import { InferenceSession } from "onnxruntime-node";
import { hasExactByteProducts } from "./exact-byte-products.ts";

/** Errors only; ONNX Runtime warns about harmless properties of every graph. */
const LOG_ERRORS = 3;

/** Nothing but the end of the process: a run that fails says why to its caller, and some are meant to. */
const RUN_OPTIONS = { logSeverityLevel: 4 } as const;

const SESSION_CONFIG = {
  // Idle threads must sleep: a prefill and a decode worker share the cores of one machine.
  intra_op: { allow_spinning: "0" },
  inter_op: { allow_spinning: "0" },
  // Exact sums of 8-bit products by another kernel: at half the speed, also where the fast one is exact.
  x64quantprecision: hasExactByteProducts() ? "0" : "1",
} as const;

/** A session that is created when it is first asked for. */
export class OnnxSession {
  /** Milliseconds spent in `run` so far. */
  runMs = 0;
  readonly #path: string;
  readonly #threads: number;
  #session: Promise<InferenceSession> | undefined;

  constructor(path: string, threads: number) {
    this.#path = path;
    this.#threads = threads;
  }

  /** Loads the graph unless it is loaded. */
  async load(): Promise<void> {
    await this.#loaded();
  }

  /** Runs the graph; `fetches` as `InferenceSession.run` has them. */
  async run(
    feeds: InferenceSession.FeedsType,
    fetches?: InferenceSession.FetchesType,
  ): Promise<InferenceSession.ReturnType> {
    const session = await this.#loaded();
    const startedAt = performance.now();
    try {
      return await (fetches ? session.run(feeds, fetches, RUN_OPTIONS) : session.run(feeds, RUN_OPTIONS));
    } finally {
      this.runMs += performance.now() - startedAt;
    }
  }

  #loaded(): Promise<InferenceSession> {
    this.#session ??= createSession(this.#path, this.#threads);
    return this.#session;
  }

  async close(): Promise<void> {
    const session = await this.#session?.catch(() => undefined);
    await session?.release();
  }
}

async function createSession(path: string, threads: number): Promise<InferenceSession> {
  try {
    return await InferenceSession.create(path, {
      executionProviders: ["cpu"],
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
      executionMode: "sequential",
      // A plan of the memory for every shape that ever was would never be given back.
      enableMemPattern: false,
      graphOptimizationLevel: "all",
      logSeverityLevel: LOG_ERRORS,
      extra: { session: SESSION_CONFIG },
    });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new BatonError("internal", `Cannot load graph "${path}": ${reason}`, { cause: error });
  }
}
