/** `baton trace`: the last traces of the cluster, or one of them as a tree with its times. */
import { configOrExit, defineSettings, setting } from "@baton/config";
import { EXIT_CODE } from "@baton/lifecycle";
import type { ExportedSpan } from "@baton/tracing";
import { print } from "../command.ts";
import { routerSettings } from "../router/router-settings.ts";
import { fetchTrace, type ListedTrace, lastTraceId, listTraces } from "./fetch-trace.ts";
import { firstTokenOf } from "./first-token.ts";
import { formatWaterfall, milliseconds } from "./waterfall.ts";

export const traceSettings = defineSettings(
  "baton trace",
  {
    ...routerSettings,
    last: setting.toggle({ flag: "last", doc: "Show the request that ended last" }),
    all: setting.toggle({
      flag: "all",
      doc: "Show every span, also where many of one name stand side by side",
    }),
  },
  {
    name: "ID",
    doc: "Id of a request (the x-request-id of its answer) or of its trace; without it the last ones are listed",
    min: 0,
    max: 1,
  },
);

const LISTED = 20;
const DEFAULT_WIDTH = 120;
const MIN_WIDTH = 60;

export async function showTrace(argv: readonly string[]): Promise<number> {
  const { last, all, operands, ...router } = configOrExit(traceSettings, argv);
  const id = operands[0] ?? (last ? await lastTraceId(router) : undefined);
  if (id === undefined) print(formatList(await listTraces(router, LISTED)));
  else {
    const { spans, complete } = await fetchTrace(router, id);
    print(formatTrace(spans, { complete, all }));
  }
  return EXIT_CODE.ok;
}

function formatList(traces: readonly ListedTrace[]): string {
  if (traces.length === 0) return "No traces yet";
  const rows = traces.map(({ start, duration_ms, outcome, spans, request_id }) =>
    [
      start,
      `${duration_ms.toFixed(1)} ms`.padStart(12),
      `${spans} spans`.padStart(11),
      outcome.padEnd(12),
      request_id,
    ].join("  "),
  );
  return [...rows, "", "baton trace <id> shows one, baton trace --last the first."].join("\n");
}

function formatTrace(
  spans: readonly ExportedSpan[],
  { complete, all }: { readonly complete: boolean; readonly all: boolean },
): string {
  const { stdout } = process;
  const width = Math.max(MIN_WIDTH, stdout.columns ?? DEFAULT_WIDTH);
  const color = stdout.isTTY && stdout.hasColors();
  return [
    `Trace ${spans[0]?.traceId}, ${spans.length} spans`,
    ...(complete ? [] : ["Incomplete: a process is still sending its part, does not trace, or was lost."]),
    "",
    formatWaterfall(spans, { width, color, all }),
    "",
    formatFirstToken(spans),
  ].join("\n");
}

function formatFirstToken(spans: readonly ExportedSpan[]): string {
  const firstToken = firstTokenOf(spans);
  if (!firstToken) return "There was no first token.";
  const { totalNs, shares } = firstToken;
  const rows = shares.map(({ label, ns }) => {
    const percent = `${((Number(ns) / Number(totalNs)) * 100).toFixed(1)} %`;
    return `  ${label.padEnd(20)}${milliseconds(ns).padStart(11)}${percent.padStart(9)}`;
  });
  return [`Time to the first token: ${milliseconds(totalNs)}`, ...rows].join("\n");
}
