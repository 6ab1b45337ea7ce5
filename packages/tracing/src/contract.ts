/**
 * What every trace must be (ARCHITECTURE §8), checked on exported spans. Pure: tests and tools share it.
 *
 * Times are compared exactly within a process, which has one clock, and with a tolerance between two. One edge is
 * exempt from the end of its parent: a client span whose call was cut off (cancel, deadline, lost connection) ends at
 * once, while the server needs a moment to notice; `cutOffGraceMs` bounds that moment.
 */
import { isErrorCode } from "@baton/core";
import { checkLevel, checkLinks, checkStandalone, checkThreads, isStandalone } from "./contract-structure.ts";
import { crossesProcesses, isThread, label, Tree, type Violation, violation } from "./contract-tree.ts";
import type { ExportedSpan } from "./exported-span.ts";
import type { TraceLevel } from "./level.ts";
import { ATTR, rootName, SPAN } from "./names.ts";

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
  /** The level of the request; undefined does not check which spans there are. */
  readonly level?: TraceLevel;
  /** True where a process was lost with its part of the trace: links into that part lead nowhere. */
  readonly lostParts?: boolean;
}

/** Checks the spans of one trace. An empty answer means that it keeps the contract. */
export function checkTrace(spans: readonly ExportedSpan[], options: ContractOptions = {}): Violation[] {
  if (spans.length === 0) return [violation("empty", "Cannot check the trace: it has no spans")];
  const tree = new Tree(spans, options.externalParents ?? []);
  if (tree.roots.some(isStandalone)) return [...checkStandalone(spans), ...checkFlags(spans)];
  return [
    ...checkIdentity(spans),
    ...checkRoot(tree),
    ...checkOrphans(tree),
    ...checkTimes(tree, options),
    ...checkLegs(tree),
    ...(options.rooms === false ? [] : checkRooms(spans)),
    ...checkThreads(tree),
    ...checkLinks(tree, options.lostParts ?? options.outcome !== "success"),
    ...(options.level === undefined ? [] : checkLevel(tree, options.level)),
    ...checkClosed(spans),
    ...checkFlags(spans),
    ...checkOutcome(tree, options.outcome),
  ];
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
    return parent ? checkInside(span, parent, tree, options) : [];
  });
}

function checkInside(
  span: ExportedSpan,
  parent: ExportedSpan,
  tree: Tree,
  options: ContractOptions,
): Violation[] {
  const { clockToleranceMs = 10, cutOffGraceMs = 5000 } = options;
  const between = crossesProcesses(span, parent) ? clockToleranceMs : 0;
  const early = Number(parent.startNs - span.startNs) / 1e6;
  const late = Number(span.endNs - parent.endNs) / 1e6;
  const mayBeLate = between + (mayOutlive(span, parent, tree) ? cutOffGraceMs : 0);
  const where = `${label(span)} inside ${label(parent)}`;
  return [
    ...(early > between
      ? [violation("outside_parent", `Expected ${where}: it starts ${early} ms before`)]
      : []),
    ...(late > mayBeLate ? [violation("outside_parent", `Expected ${where}: it ends ${late} ms after`)] : []),
  ];
}

/**
 * A server whose call was cut off needs a moment to notice. Without gRPC spans the leg says that it was, as one failed
 * attempt does not fail the request; and without legs only the root can.
 */
function mayOutlive(span: ExportedSpan, parent: ExportedSpan, { roots: [root] }: Tree): boolean {
  if (span.kind === "server") return isCutOff(parent);
  const hasFailed = [parent, root].some((above) => above?.attributes[ATTR.errorType] !== undefined);
  return isThread(span) && crossesProcesses(span, parent) && hasFailed;
}

function isCutOff({ kind, attributes }: ExportedSpan): boolean {
  const status = attributes[ATTR.grpcStatus];
  return kind === "client" && status !== undefined && status !== "OK";
}

const PREFILL_SIDE = { names: [SPAN.prefillLeg, SPAN.prefill] as readonly string[], label: /^Prefill / };
const DECODE_SIDE = { names: [SPAN.decodeLeg, SPAN.decode] as readonly string[], label: /^Decode / };

function isOn(side: typeof PREFILL_SIDE, { name, attributes }: ExportedSpan): boolean {
  return side.names.includes(name) || side.label.test(String(attributes[ATTR.threadLabel] ?? ""));
}

function checkLegs(tree: Tree): Violation[] {
  return tree.spans.flatMap((span) => {
    const other = isOn(PREFILL_SIDE, span) ? DECODE_SIDE : isOn(DECODE_SIDE, span) ? PREFILL_SIDE : undefined;
    const above = other && tree.ancestor(span, (ancestor) => isOn(other, ancestor));
    return above
      ? [violation("nested_legs", `Expected siblings, got ${label(span)} below ${label(above)}`)]
      : [];
  });
}

/** Rooms are said by the legs in the workers, and by the workers' thread spans where the level has no legs. */
function checkRooms(spans: readonly ExportedSpan[]): Violation[] {
  const legs = spans.filter(({ name }) => name === SPAN.prefill || name === SPAN.decode);
  const threads = spans.filter((span) =>
    /^(Prefill|Decode) /.test(String(span.attributes[ATTR.threadLabel])),
  );
  const parts = legs.length > 0 ? legs : threads;
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
