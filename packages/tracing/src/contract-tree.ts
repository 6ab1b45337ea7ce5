/** A trace as the checks of the contract see it, and what they answer. */
import { type ExportedSpan, processOf } from "./exported-span.ts";
import { ATTR } from "./names.ts";

export type ViolationKind =
  | "empty"
  | "mixed_traces"
  | "duplicate_id"
  | "no_root"
  | "several_roots"
  | "root_name"
  | "orphan"
  | "negative_duration"
  | "outside_parent"
  | "nested_legs"
  | "missing_room"
  | "room_mismatch"
  | "unclosed"
  | "flags"
  | "thread"
  | "level"
  | "link"
  | "standalone"
  | "outcome";

export interface Violation {
  readonly kind: ViolationKind;
  /** Names the spans at fault and what was expected. */
  readonly message: string;
}

export class Tree {
  readonly spans: readonly ExportedSpan[];
  readonly roots: readonly ExportedSpan[];
  readonly #byId: ReadonlyMap<string, ExportedSpan>;

  constructor(spans: readonly ExportedSpan[], externalParents: readonly string[]) {
    this.spans = spans;
    this.#byId = new Map(spans.map((span) => [span.spanId, span]));
    const external = new Set<string | undefined>([undefined, ...externalParents]);
    this.roots = spans.filter((span) => external.has(span.parentSpanId));
  }

  has(spanId: string): boolean {
    return this.#byId.has(spanId);
  }

  parentOf(span: ExportedSpan): ExportedSpan | undefined {
    return span.parentSpanId === undefined ? undefined : this.#byId.get(span.parentSpanId);
  }

  /** The nearest ancestor that satisfies `predicate`; safe on a cycle. */
  ancestor(span: ExportedSpan, predicate: (ancestor: ExportedSpan) => boolean): ExportedSpan | undefined {
    const seen = new Set<ExportedSpan>();
    for (let at = this.parentOf(span); at && !seen.has(at); at = this.parentOf(at)) {
      if (predicate(at)) return at;
      seen.add(at);
    }
    return undefined;
  }
}

/** True for the span that stands for a process. */
export function isThread({ attributes }: ExportedSpan): boolean {
  return attributes[ATTR.threadLabel] !== undefined;
}

/** True where a span and its parent, if it is known, are of different processes. */
export function crossesProcesses(span: ExportedSpan, parent: ExportedSpan | undefined): boolean {
  return parent !== undefined && processOf(span) !== processOf(parent);
}

export function label({ name, spanId }: ExportedSpan): string {
  return `"${name}" (${spanId})`;
}

export function violation(kind: ViolationKind, message: string): Violation {
  return { kind, message };
}
