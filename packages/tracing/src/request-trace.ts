import type { BatonError, ExternalTraceHeader } from "@baton/core";
import type { TraceLevel } from "./level.ts";
import type { TraceModule } from "./module.ts";
import type { StandaloneName } from "./names.ts";

/** Values that a span may carry. */
export type AttributeValue = string | number | boolean | readonly string[] | readonly number[];
export type Attributes = Readonly<Record<string, AttributeValue | undefined>>;

/** Another span that this one has to do with, without being its child: named by a header, or by the key that it has in the same trace. */
export type TraceLink = ({ readonly header: ExternalTraceHeader } | { readonly key: string }) & {
  readonly attributes?: Attributes;
};

/** How to start a stage. Instants are epoch ms; the default is now. */
export interface StageOptions {
  readonly attributes?: Attributes;
  readonly startTime?: number;
  readonly links?: readonly TraceLink[];
  /** Fixes the span's id, so that another process can link to it: see `span-key.ts`. Names one span in all of time. */
  readonly key?: string;
}

/** How to start a request. */
export interface RequestOptions {
  /** Level of this request; the tracer's own unless given. */
  readonly level?: TraceLevel | undefined;
  /** Epoch ms; now unless given. */
  readonly startTime?: number;
}

/**
 * A place in a request's tree under which work can be recorded: a request, or a stage of it.
 * It is always passed by hand; nothing is looked up in ambient context.
 *
 *   T1  A child is started only from its parent in hand.
 *   T2  Every trace node ends exactly once. Ending it well ends what is still open below it, counted and marked as a
 *       defect; failing it fails what is still open below it with the same error.
 *   T3  A child lies inside its parent in time.
 *   T4  No call on a node ever throws.
 */
export interface TraceNode {
  /** What a hop must carry so that the other side continues below this node. Undefined when there is nothing to continue. */
  readonly header: ExternalTraceHeader | undefined;
  /** Starts a child. */
  stage(name: string, options?: StageOptions): Stage;
  /** Records a child whose start and end are already known (epoch ms). */
  record(name: string, startTime: number, endTime: number, options?: Omit<StageOptions, "startTime">): void;
  setAttributes(attributes: Attributes): void;
  /** False where attributes and events of this very node are not kept, so that costly ones need not be made. */
  readonly recording: boolean;
  /** True where a child of this name would be recorded: whoever must work for its attributes asks before. */
  wants(name: string): boolean;
  event(name: string, attributes?: Attributes): void;
  /** Runs `fn` with this node as the active OpenTelemetry context, for instrumented libraries (gRPC clients). Only synchronous work inside `fn` sees it. */
  run<T>(fn: () => T): T;
}

/** A node with an end of its own. */
export interface Stage extends TraceNode {
  /** True once it has ended, by its own end or its parent's. */
  readonly ended: boolean;
  /** Ends it well. A second end is ignored and counted. */
  end(attributes?: Attributes, endTime?: number): void;
  /** Ends it, and what is open below it, with status ERROR and `error.type` = the error's code; `canceled` is recorded without the ERROR status. */
  fail(error: BatonError, endTime?: number): void;
}

/** Told of every stage that ends: the other half of a stage, which metrics are made of. Must not throw. */
export interface StageObserver {
  /**
   * @param name of the stage
   * @param seconds between its start and its end, failed or not
   * @param header of the span that recorded it, or of its nearest recorded ancestor: what an exemplar names. Its flags
   *   are real; it has no `tracestate`. Undefined where the request has no trace.
   */
  stageEnded(name: string, seconds: number, header: ExternalTraceHeader | undefined): void;
}

/** A trace of one span that belongs to no request. Instants are epoch ms. */
export interface StandaloneSpan {
  readonly module: TraceModule;
  readonly name: StandaloneName;
  readonly startTime: number;
  readonly endTime: number;
  readonly attributes: Attributes;
  /** Spans of requests; those that are unsampled are left out. */
  readonly links?: readonly ExternalTraceHeader[];
}

/** Makes the root of a request's tree, or continues one below what another process sent. */
export interface RequestTracer {
  /**
   * Level of requests that are started from here on, where they do not have one of their own; and of those continued
   * whose header says none. Running ones keep theirs. Setting it has no effect on a tracer that records nothing.
   */
  level: TraceLevel;
  /**
   * Router: the root `Req <id>`, below the client's `traceparent` where there is one, with the router's thread span
   * below it. Stages and headers are the thread's, attributes and events the root's.
   */
  startRequest(
    requestId: string,
    header: ExternalTraceHeader | undefined,
    attributes?: Attributes,
    options?: RequestOptions,
  ): Stage;
  /**
   * Worker: continues below the span that is active in a gRPC handler, or below `header` where there is none, with
   * this process's thread span and below it the slice `name`. Without either, and in an unsampled request, nothing is
   * recorded: a worker starts no trace of its own. Call it synchronously in the handler.
   */
  continueRequest(
    name: string,
    header: ExternalTraceHeader | undefined,
    attributes?: Attributes,
    options?: Pick<StageOptions, "key">,
  ): Stage;
  /** True where a module is on. What only serves a module that is off need not be done. */
  traces(module: TraceModule): boolean;
  /** Records a trace of its own, unless its module is off, or it has links and none of them is to a sampled request. */
  recordStandalone(span: StandaloneSpan): void;
  /** Nodes started and not yet ended. */
  readonly open: number;
}
