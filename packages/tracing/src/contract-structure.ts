/** The part of the contract that is about what a trace is made of: thread spans, levels, links, standalone traces. */
import { crossesProcesses, isThread, label, type Tree, type Violation, violation } from "./contract-tree.ts";
import { type ExportedSpan, processOf } from "./exported-span.ts";
import { GRPC_LEVEL, stageLevel, type TraceLevel } from "./level.ts";
import { STANDALONE } from "./names.ts";

/** Every process works below a thread span of its own; only the root and gRPC's server spans stand above those. */
export function checkThreads(tree: Tree): Violation[] {
  const [root] = tree.roots;
  if (!root) return [];
  const below = (span: ExportedSpan) =>
    tree.ancestor(span, (ancestor) => isThread(ancestor) && !crossesProcesses(span, ancestor));
  const ownThreads = tree.spans.filter((span) => isThread(span) && tree.parentOf(span) === root);
  const routers = ownThreads.filter((span) => !crossesProcesses(span, root));
  const homeless = tree.spans.filter(
    (span) =>
      span !== root && span.kind !== "server" && !isThread(span) && tree.parentOf(span) && !below(span),
  );
  const nested = tree.spans.filter((span) => isThread(span) && below(span));
  return [
    ...(routers.length === 1
      ? []
      : [
          violation(
            "thread",
            `Expected one thread span of ${processOf(root)} below the root, got ${routers.length}`,
          ),
        ]),
    ...homeless.map((span) =>
      violation("thread", `Expected ${label(span)} below a thread span of its process`),
    ),
    ...nested.map((span) =>
      violation("thread", `Expected no thread span above ${label(span)} in its process`),
    ),
  ];
}

/** No span is there that the level leaves out. */
export function checkLevel(tree: Tree, level: TraceLevel): Violation[] {
  const levelOf = (span: ExportedSpan): TraceLevel => {
    if (tree.roots.includes(span) || isThread(span)) return 1;
    return span.kind === "internal" ? stageLevel(span.name) : GRPC_LEVEL;
  };
  return tree.spans
    .filter((span) => levelOf(span) > level)
    .map((span) =>
      violation("level", `Expected no ${label(span)} at level ${level}: it is of level ${levelOf(span)}`),
    );
}

/** Links of a request lead to spans of the same trace. */
export function checkLinks(tree: Tree, mayLackTargets: boolean): Violation[] {
  return tree.spans.flatMap((span) =>
    span.links
      .filter(({ traceId, spanId }) => traceId !== span.traceId || !(mayLackTargets || tree.has(spanId)))
      .map(({ spanId }) =>
        violation("link", `Expected the target of a link of ${label(span)} in the trace: "${spanId}"`),
      ),
  );
}

const STANDALONE_NAMES: ReadonlySet<string> = new Set(Object.values(STANDALONE));

/** True for the only span of a trace that is no request's. */
export function isStandalone({ name }: ExportedSpan): boolean {
  return STANDALONE_NAMES.has(name);
}

/** Such a trace is one span; a step of the engine links to requests, each of which has a trace of its own. */
export function checkStandalone(spans: readonly ExportedSpan[]): Violation[] {
  const [span] = spans;
  if (!span || spans.length > 1)
    return [violation("standalone", `Expected one span, got ${spans.map(label).join(", ")}`)];
  const wrong = span.links.some(({ traceId }) => traceId === span.traceId);
  const unlinked = span.name === STANDALONE.engineStep && span.links.length === 0;
  return [
    ...(wrong ? [violation("standalone", `Expected links of ${label(span)} to other traces`)] : []),
    ...(unlinked ? [violation("standalone", `Expected ${label(span)} to link to what it served`)] : []),
  ];
}
