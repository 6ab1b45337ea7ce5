import type { PageDtype } from "@baton/core";
import type { ModelInfo } from "./model-runner.ts";

/** Which model the engine thread runs, as plain data. */
export type RunnerSpec = OnnxRunnerSpec | FakeRunnerSpec;

/** The graphs that `@baton/model` compiles, on ONNX Runtime. */
export interface OnnxRunnerSpec {
  readonly kind: "onnx";
  readonly info: ModelInfo;
  /** Absolute path of the prefill graph, its weights beside it. */
  readonly prefillGraph: string;
  /** Absolute path of the decode graph, its weights beside it. */
  readonly decodeGraph: string;
  /** Elements of the pages that the decode graph reads. */
  readonly pageDtype: PageDtype;
  /** Tokens that a token attends to, itself included; all before it unless given. */
  readonly slidingWindow?: number | undefined;
  /** Threads that compute one operator, at least 1. */
  readonly threads: number;
  /** Graphs loaded at the start; the other is loaded when it is first needed. */
  readonly roles: readonly ("prefill" | "decode")[];
}

/** A stand-in without weights: every next token is a hash of the KV before it. */
export interface FakeRunnerSpec {
  readonly kind: "fake";
  readonly info: ModelInfo;
  /** For tests: computing this token throws, as a broken graph would. */
  readonly brokenTokenId?: number;
}

/** No model at all, and no thread: see mock/mock-executor.ts. */
export interface MockSpec {
  readonly kind: "mock";
  /** Its layout is `mockLayout`. */
  readonly info: ModelInfo;
  /** Tokens that are never written: answers end by their length. */
  readonly stopTokenIds: readonly number[];
  /** Unsigned 32-bit; the same for all workers of a cluster. */
  readonly seed: number;
  /** How many times faster than the timing model it runs; above 0. */
  readonly speedup: number;
}
