/** What everything that one tracer records has in common. */
import type { Clock } from "@baton/core";
import type { Tracer } from "@opentelemetry/api";
import type { StageObserver } from "./request-trace.ts";

/** What a tracer has seen go by, since it was made. */
export interface TraceCounts {
  /** Nodes started and not yet ended. */
  readonly open: number;
  /** Nodes that their parent had to end. */
  readonly unclosed: number;
  /** Ends of a node that had ended before. */
  readonly doubleEnds: number;
  /** Stages started below a node that had ended before; they are not recorded. */
  readonly lateStarts: number;
  /** Calls to workers that were started without the context of their request. */
  readonly lostContexts: number;
  /** Leaf spans left out of requests that have too many of them. */
  readonly skipped: number;
}

/** The counts that tell of a defect in the code that uses a tracer. */
export type TraceMisuse = "unclosed" | "doubleEnds" | "lateStarts" | "lostContexts";

export type MutableTraceCounts = { -readonly [Name in keyof TraceCounts]: TraceCounts[Name] };

export const NO_COUNTS: TraceCounts = {
  open: 0,
  unclosed: 0,
  doubleEnds: 0,
  lateStarts: 0,
  lostContexts: 0,
  skipped: 0,
};

export interface Recorder {
  readonly tracer: Tracer;
  /** Fixes the id of a span that is started. */
  readonly ids: { with<T>(spanId: string, start: () => T): T };
  readonly clock: Clock;
  readonly observer: StageObserver | undefined;
  readonly counts: MutableTraceCounts;
  readonly onMisuse: ((kind: TraceMisuse, name: string) => void) | undefined;
}
