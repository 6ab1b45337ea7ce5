/**
 * Where the time to the first token went. Stages of the two legs run side by side, so their durations do not add up;
 * here every moment is counted once, for the first stage in the list that was going on, and the parts sum to the whole.
 */
import { ATTR, type ExportedSpan, rootName, SPAN, type SpanName } from "@baton/tracing";
import { ascending, earliest } from "./instants.ts";

/** A share of the time to the first token, in ns. */
export interface Share {
  readonly label: string;
  readonly ns: bigint;
}

export interface FirstToken {
  /** From the request's arrival, in ns. */
  readonly totalNs: bigint;
  /** Without those that took no time. They sum to the total. */
  readonly shares: readonly Share[];
}

interface StageKind {
  readonly label: string;
  readonly matches: (span: ExportedSpan) => boolean;
}

/** In the order of a request's life; what only waits for others to act counts where nothing else goes on. */
const STAGES: readonly StageKind[] = [
  { label: "queue", matches: named(SPAN.admission) },
  { label: "tokenize", matches: named(SPAN.tokenize) },
  { label: "routing", matches: named(SPAN.prefillRouting, SPAN.decodeRouting) },
  { label: "grammar", matches: named(SPAN.grammarCompile) },
  { label: "prefill waiting", matches: named(SPAN.prefillWaiting) },
  { label: "prefill forward", matches: named(SPAN.prefillForward) },
  { label: "transfer", matches: named(SPAN.prefillTransfer, SPAN.decodeTransferred) },
  { label: "decode waiting", matches: named(SPAN.decodeWaiting) },
  { label: "first token", matches: named(SPAN.decodeForward, SPAN.quickFinish) },
  { label: "KV connection", matches: named(SPAN.prefillBootstrap, SPAN.decodeBootstrap) },
  { label: "gRPC", matches: ({ kind }) => kind === "client" },
];
const OTHER = "between the stages";

/** Undefined where there was no first token, or nothing in the trace tells when. */
export function firstTokenOf(spans: readonly ExportedSpan[]): FirstToken | undefined {
  const root = spans.find(({ name }) => name.startsWith(rootName("")));
  const endNs = root && firstTokenNs(root, spans);
  if (!root || endNs === undefined || endNs <= root.startNs) return undefined;
  const shares = sharesOf(spans, root.startNs, endNs);
  return { totalNs: endNs - root.startNs, shares: shares.filter(({ ns }) => ns > 0n) };
}

/** The router's own figure; else the first sign of a token that the trace has. */
function firstTokenNs(root: ExportedSpan, spans: readonly ExportedSpan[]): bigint | undefined {
  const seconds = root.attributes[ATTR.timeToFirstToken];
  if (typeof seconds === "number") return root.startNs + BigInt(Math.round(seconds * 1e9));
  const signs = [
    ...spans
      .filter(({ name }) => name === SPAN.streamOut || name === SPAN.decodeForward)
      .map((s) => s.startNs),
    ...spans.filter(({ name }) => name === SPAN.quickFinish).map((span) => span.endNs),
  ];
  return earliest(signs);
}

function sharesOf(spans: readonly ExportedSpan[], fromNs: bigint, toNs: bigint): Share[] {
  const stages = STAGES.map(({ matches }) => spans.filter(matches));
  const borders = [fromNs, toNs, ...stages.flat().flatMap(({ startNs, endNs }) => [startNs, endNs])];
  const instants = [...new Set(borders)].filter((ns) => ns >= fromNs && ns <= toNs).sort(ascending);
  const sums = new Map<string, bigint>();
  for (const [index, start] of instants.slice(0, -1).entries()) {
    const end = instants[index + 1]!;
    const active = stages.findIndex((spans) => spans.some((s) => s.startNs <= start && s.endNs >= end));
    const label = STAGES[active]?.label ?? OTHER;
    sums.set(label, (sums.get(label) ?? 0n) + end - start);
  }
  return [...STAGES.map(({ label }) => label), OTHER].map((label) => ({ label, ns: sums.get(label) ?? 0n }));
}

function named(...names: readonly SpanName[]): StageKind["matches"] {
  return ({ name }) => names.some((known) => known === name);
}
