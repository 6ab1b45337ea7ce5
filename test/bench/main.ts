/** `npm run bench -- NAME [options]`: runs one bench. Figures go to stdout as a table, then as JSON lines. */
import { cpus } from "node:os";
import { inspect } from "node:util";
import type { Bench, Measurement } from "./bench.ts";

const BENCHES: Readonly<Record<string, () => Promise<{ readonly bench: Bench }>>> = {
  engine: () => import("./engine-throughput.ts"),
  overhead: () => import("./engine-overhead.ts"),
  transfer: () => import("./kv-transfer.ts"),
  interference: () => import("./interference.ts"),
  memory: () => import("./memory.ts"),
  health: () => import("./health-during-prefill.ts"),
  traces: () => import("./traces.ts"),
  tracing: () => import("./tracing-overhead.ts"),
  "kv-index": () => import("./kv-index.ts"),
  chaos: () => import("./chaos.ts"),
  replay: () => import("./replay.ts"),
  router: () => import("./router.ts"),
  cancel: () => import("./cancel.ts"),
};

async function main([name, ...args]: readonly string[]): Promise<number> {
  const load = name !== undefined && Object.hasOwn(BENCHES, name) ? BENCHES[name] : undefined;
  if (!name || !load) {
    process.stderr.write(
      `Cannot run the bench "${name ?? ""}": expected one of ${Object.keys(BENCHES).join(", ")}\n`,
    );
    return 2;
  }
  const { bench } = await load();
  process.stdout.write(
    `${bench.question}\nOn ${cpus().length} × ${cpus()[0]?.model}, Node ${process.version}\n\n`,
  );
  const measured: Measurement[] = [];
  const report = (measurement: Measurement) => {
    measured.push(measurement);
    process.stdout.write(`${formatLine(measurement)}\n`);
  };
  // A bench that fails has figures too.
  const failure = await bench.run(report, args).catch((reason: unknown) => ({ reason }));
  process.stdout.write(`\nNot measured: ${bench.notMeasured}\n\n`);
  for (const measurement of measured)
    process.stdout.write(`${JSON.stringify({ bench: name, ...measurement })}\n`);
  if (!failure) return 0;
  process.stderr.write(`${inspect(failure.reason)}\n`);
  return 1;
}

function formatLine({ case: what, contender, metric, value, unit, spread }: Measurement): string {
  const figure = `${formatNumber(value)}${spread === undefined ? "" : ` ± ${formatNumber(spread)}`} ${unit}`;
  return `${what.padEnd(36)} ${contender.padEnd(28)} ${metric.padEnd(28)} ${figure}`;
}

function formatNumber(value: number): string {
  return Math.abs(value) >= 100 || Number.isInteger(value) ? value.toFixed(0) : value.toPrecision(3);
}

process.exitCode = await main(process.argv.slice(2));
