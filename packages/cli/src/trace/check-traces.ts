/** `baton trace check`: holds exported traces to the contract that the tests hold them to. */
import { configOrExit, defineSettings, setting } from "@baton/config";
import { EXIT_CODE } from "@baton/lifecycle";
import { type RequestSpans, splitRequests } from "@baton/trace-store";
import {
  ATTR,
  type ContractOptions,
  checkTrace,
  EVENT,
  type ExportedSpan,
  formatTree,
  groupTraces,
  SPAN,
  type Violation,
} from "@baton/tracing";
import { print } from "../command.ts";
import { readTraceFiles } from "./read-traces.ts";

export const checkSettings = defineSettings(
  "baton trace check",
  {
    clockToleranceMs: setting.milliseconds({
      flag: "clock-tolerance-ms",
      default: 10,
      doc: "How far the clocks of two processes may differ, in ms",
    }),
  },
  {
    name: "FILE",
    doc: "OTLP JSON: an answer of GET /traces/{id}, or lines as the collector's file exporter writes them",
    min: 1,
    max: Number.POSITIVE_INFINITY,
  },
);

/** Exit code 1 where a trace breaks the contract, or there is none. */
export async function checkTraces(argv: readonly string[]): Promise<number> {
  const { clockToleranceMs, operands } = configOrExit(checkSettings, argv);
  const traces = groupTraces(await readTraceFiles(operands));
  const requests = [...traces.values()].flatMap(splitRequests);
  const bad = requests.filter((request) => report(request, { clockToleranceMs }));
  if (requests.length === 0) print("There is no trace of Baton in these files");
  else print(`Traces checked: ${requests.length}, with violations: ${bad.length}`);
  return requests.length > 0 && bad.length === 0 ? EXIT_CODE.ok : EXIT_CODE.failed;
}

/** Prints what is wrong with a request, with its tree; true where something is. */
function report({ spans, externalParents }: RequestSpans, options: ContractOptions): boolean {
  const rooms = hasPrefillSide(spans);
  const lostParts = spans[0]?.attributes[ATTR.errorType] !== undefined || triedAgain(spans);
  const violations = checkTrace(spans, { ...options, externalParents, rooms, lostParts });
  if (violations.length === 0) return false;
  print([`Trace ${spans[0]?.traceId}`, ...violations.map(lineOf), "", formatTree(spans), ""].join("\n"));
  return true;
}

/** What failed an attempt may have taken its part of the trace with it. */
function triedAgain(spans: readonly ExportedSpan[]): boolean {
  return spans.some(({ events }) =>
    events.some(({ name }) => name === EVENT.retry || name === EVENT.migration),
  );
}

/** A worker that does both roles has no rooms. */
function hasPrefillSide(spans: readonly ExportedSpan[]): boolean {
  return spans.some(({ name }) => name === SPAN.prefillLeg || name === SPAN.prefill);
}

function lineOf({ kind, message }: Violation): string {
  return `  ${kind}: ${message}`;
}
