/**
 * What every trace must be (ARCHITECTURE §8), checked on exported spans. Pure: tests and tools share it.
 *
 * Times are compared exactly within a process, which has one clock, and with a tolerance between two. One edge is
 * exempt from the end of its parent: a client span whose call was cut off (cancel, deadline, lost connection) ends at
 * once, while the server needs a moment to notice; `cutOffGraceMs` bounds that moment.
 */
import { isErrorCode } from "@baton/core";
import { type ExportedSpan, processOf } from "./exported-span.ts";
import { ATTR, rootName, SPAN } from "./names.ts";

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
  | "outcome";

export interface Violation {
  readonly kind: ViolationKind;
  /** Names the spans at fault and what was expected. */
  readonly message: string;
}

export interface ContractOptions {
  /** How the request ended for its client; undefined does not check. */
  readonly outcome?: "success" | "error" | "canceled";
  /** Span ids that a parent may have outside the trace: that of the client's `traceparent`. */
  readonly externalParents?: readonly string[];
  /** How far the clocks of two processes may differ, ms; 10. */
  readonly clockToleranceMs?: number;
  /** How long a server may go on after the client cut the call off, ms; 5000. */
  readonly cutOffGraceMs?: number;
  /** False where there are no rooms: a worker that does both roles. */
  readonly rooms?: boolean;
}

/** Checks the spans of one trace. An empty answer means that it keeps the contract. */
export function checkTrace(spans: readonly ExportedSpan[], options: ContractOptions = {}): Violation[] {
  if (spans.length === 0) return [violation("empty", "Cannot check the trace: it has no spans")];
  const tree = new Tree(spans, options.externalParents ?? []);
  return [
    ...checkIdentity(spans),
    ...checkRoot(tree),
    ...checkOrphans(tree),
    ...checkTimes(tree, options),
    ...checkLegs(tree),
    ...(options.rooms === false ? [] : checkRooms(spans)),
    ...checkClosed(spans),
    ...checkFlags(spans),
    ...checkOutcome(tree, options.outcome),
  ];
}

class Tree {
  readonly spans: readonly ExportedSpan[];
  readonly roots: readonly ExportedSpan[];
  readonly #byId: ReadonlyMap<string, ExportedSpan>;

  constructor(spans: readonly ExportedSpan[], externalParents: readonly string[]) {
    this.spans = spans;
    this.#byId = new Map(spans.map((span) => [span.spanId, span]));
    const external = new Set<string | undefined>([undefined, ...externalParents]);
    this.roots = spans.filter((span) => external.has(span.parentSpanId));
  }

  parentOf(span: ExportedSpan): ExportedSpan | undefined {
    return span.parentSpanId === undefined ? undefined : this.#byId.get(span.parentSpanId);
  }

  /** The nearest ancestor with one of the names; safe on a cycle. */
  ancestorNamed(span: ExportedSpan, names: readonly string[]): ExportedSpan | undefined {
    const seen = new Set<ExportedSpan>();
    for (let at = this.parentOf(span); at && !seen.has(at); at = this.parentOf(at)) {
      if (names.includes(at.name)) return at;
      seen.add(at);
    }
    return undefined;
  }
}

function checkIdentity(spans: readonly ExportedSpan[]): Violation[] {
  const traceIds = new Set(spans.map((span) => span.traceId));
  const spanIds = new Set(spans.map((span) => span.spanId));
  return [
    ...(traceIds.size > 1
      ? [violation("mixed_traces", `Expected one trace, got ${[...traceIds].join(", ")}`)]
      : []),
    ...(spanIds.size < spans.length
      ? [violation("duplicate_id", `Expected ${spans.length} span ids, got ${spanIds.size}`)]
      : []),
  ];
}

function checkRoot({ roots }: Tree): Violation[] {
  const [root, ...others] = roots;
  if (!root) return [violation("no_root", "Expected one root, got none")];
  if (others.length > 0)
    return [violation("several_roots", `Expected one root, got ${roots.map(label).join(", ")}`)];
  if (root.name.startsWith(rootName(""))) return [];
  return [violation("root_name", `Expected the root to be named "${rootName("<id>")}", got ${label(root)}`)];
}

function checkOrphans(tree: Tree): Violation[] {
  return tree.spans
    .filter((span) => !tree.roots.includes(span) && !tree.parentOf(span))
    .map((span) =>
      violation("orphan", `Expected the parent of ${label(span)} in the trace: "${span.parentSpanId}"`),
    );
}

function checkTimes(tree: Tree, options: ContractOptions): Violation[] {
  return tree.spans.flatMap((span) => {
    if (span.endNs < span.startNs) {
      return [violation("negative_duration", `Expected ${label(span)} to end after its start`)];
    }
    const parent = tree.parentOf(span);
    return parent ? checkInside(span, parent, options) : [];
  });
}

function checkInside(span: ExportedSpan, parent: ExportedSpan, options: ContractOptions): Violation[] {
  const { clockToleranceMs = 10, cutOffGraceMs = 5000 } = options;
  const between = processOf(span) === processOf(parent) ? 0 : clockToleranceMs;
  const early = Number(parent.startNs - span.startNs) / 1e6;
  const late = Number(span.endNs - parent.endNs) / 1e6;
  const mayBeLate = between + (isCutOff(parent) && span.kind === "server" ? cutOffGraceMs : 0);
  const where = `${label(span)} inside ${label(parent)}`;
  return [
    ...(early > between
      ? [violation("outside_parent", `Expected ${where}: it starts ${early} ms before`)]
      : []),
    ...(late > mayBeLate ? [violation("outside_parent", `Expected ${where}: it ends ${late} ms after`)] : []),
  ];
}

function isCutOff({ kind, attributes }: ExportedSpan): boolean {
  const status = attributes[ATTR.grpcStatus];
  return kind === "client" && status !== undefined && status !== 0;
}

const PREFILL_SIDE: readonly string[] = [SPAN.prefillLeg, SPAN.prefill];
const DECODE_SIDE: readonly string[] = [SPAN.decodeLeg, SPAN.decode];

function checkLegs(tree: Tree): Violation[] {
  return tree.spans.flatMap((span) => {
    const other = PREFILL_SIDE.includes(span.name)
      ? DECODE_SIDE
      : DECODE_SIDE.includes(span.name)
        ? PREFILL_SIDE
        : [];
    const above = tree.ancestorNamed(span, other);
    return above
      ? [violation("nested_legs", `Expected siblings, got ${label(span)} below ${label(above)}`)]
      : [];
  });
}

function checkRooms(spans: readonly ExportedSpan[]): Violation[] {
  const parts = spans.filter(({ name }) => name === SPAN.prefill || name === SPAN.decode);
  const missing = parts.filter(({ attributes }) => attributes[ATTR.bootstrapRoom] === undefined);
  const rooms = new Set(parts.map(({ attributes }) => attributes[ATTR.bootstrapRoom]));
  const onePair = parts.length === 2 && parts[0]?.name !== parts[1]?.name;
  return [
    ...missing.map((span) => violation("missing_room", `Expected ${ATTR.bootstrapRoom} on ${label(span)}`)),
    ...(onePair && missing.length === 0 && rooms.size > 1
      ? [violation("room_mismatch", `Expected one room, got ${[...rooms].join(" and ")}`)]
      : []),
  ];
}

function checkClosed(spans: readonly ExportedSpan[]): Violation[] {
  return spans
    .filter(({ attributes }) => attributes[ATTR.unclosed] === true)
    .map((span) =>
      violation("unclosed", `Expected ${label(span)} to be ended by its owner: its parent had to`),
    );
}

function checkFlags(spans: readonly ExportedSpan[]): Violation[] {
  const sampled = 0x01;
  return spans
    .filter(({ flags }) => (flags & sampled) === 0)
    .map((span) =>
      violation("flags", `Expected the sampled flag on ${label(span)}: an unsampled span is not exported`),
    );
}

function checkOutcome({ roots: [root] }: Tree, expected: ContractOptions["outcome"]): Violation[] {
  if (!root || expected === undefined || outcomeOf(root) === expected) return [];
  const got = `status "${root.status.code}", ${ATTR.errorType} "${root.attributes[ATTR.errorType]}"`;
  return [violation("outcome", `Expected ${expected} on ${label(root)}, got ${got}`)];
}

/** What a root says about its request; undefined where status and code contradict each other. */
function outcomeOf({ status, attributes }: ExportedSpan): ContractOptions["outcome"] {
  const errorType = attributes[ATTR.errorType];
  if (errorType === undefined) return status.code === "error" ? undefined : "success";
  if (errorType === "canceled") return status.code === "error" ? undefined : "canceled";
  return status.code === "error" && isErrorCode(errorType) ? "error" : undefined;
}

function label({ name, spanId }: ExportedSpan): string {
  return `"${name}" (${spanId})`;
}

function violation(kind: ViolationKind, message: string): Violation {
  return { kind, message };
}
