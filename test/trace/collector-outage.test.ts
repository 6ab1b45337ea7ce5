/**
 * Must hold: a collector that is down touches no request, what is lost meanwhile is counted, and once it is back every
 * trace is whole again.
 */
import { randomUUID } from "node:crypto";
import { BABBLE_MODEL } from "@baton/model/testing";
import { checkTrace, type ExportedSpan, formatTree } from "@baton/tracing";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { Cluster } from "../support/cluster.ts";
import { eventually } from "../support/eventually.ts";
import { type OtlpReceiver, startOtlpReceiver } from "../support/otlp-receiver.ts";
import { scrape, total } from "../support/scrape.ts";
import { collect, post } from "../support/sse.ts";

let receiver: OtlpReceiver;
let cluster: Cluster;
let port: number;

beforeAll(async () => {
  receiver = await startOtlpReceiver({ protocol: "grpc" });
  port = Number(new URL(receiver.grpcEndpoint).port);
  cluster = await Cluster.start({
    otlp: { endpoint: receiver.grpcEndpoint, protocol: "grpc" },
    env: { OTEL_EXPORTER_OTLP_TIMEOUT: "500" },
  });
}, 60_000);

afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
  await receiver?.stop();
});

async function ask(): Promise<string> {
  const id = randomUUID();
  const body = { model: BABBLE_MODEL, prompt: `${id} tells`, max_tokens: 8, temperature: 0 };
  const answer = await post(`${cluster.url}/v1/completions`, body, { "x-request-id": id });
  await collect(answer);
  expect(answer.status).toBe(200);
  return id;
}

function traceOf(id: string): readonly ExportedSpan[] {
  const traceId = receiver.spans().find(({ name }) => name === `Req ${id}`)?.traceId;
  return receiver.spans().filter((span) => span.traceId === traceId);
}

/** Names of a whole part of each process, and nothing wrong between them. */
function isWhole(trace: readonly ExportedSpan[]): boolean {
  const parts = new Set(trace.map(({ resource }) => resource["service.name"]));
  return parts.size === 3 && checkTrace(trace, { outcome: "success", level: 3 }).length === 0;
}

async function dropped(): Promise<readonly number[]> {
  const all = ["router", ...cluster.workers].map((name) => scrape(cluster, name));
  return (await Promise.all(all)).map((one) => total(one, "baton_trace_spans_dropped_total"));
}

const asked: string[] = [];

/** Asks once more, since what was lost stays lost. */
async function whetherAnyIsWhole(): Promise<boolean> {
  asked.push(await ask());
  return asked.some((id) => isWhole(traceOf(id)));
}

test("a collector that goes and comes back", async () => {
  const before = await ask();
  await receiver.waitFor(() => isWhole(traceOf(before)));
  expect(await dropped()).toEqual([0, 0, 0]);

  await receiver.stop();
  for (let i = 0; i < 5; i++) await ask();
  await cluster.atRest();
  await eventually("every process has counted what it lost", async () => {
    return (await dropped()).every((count) => count > 0);
  });

  receiver = await startOtlpReceiver({ protocol: "grpc", grpcPort: port });
  await eventually("a trace is whole again", whetherAnyIsWhole, { intervalMs: 200 });
  const lost = await dropped();
  const after = await Promise.all(Array.from({ length: 5 }, ask));
  await receiver
    .waitFor(() => after.every((id) => isWhole(traceOf(id))))
    .catch(() => {
      throw new Error(after.map((id) => formatTree(traceOf(id))).join("\n"));
    });
  expect(await dropped()).toEqual(lost);
});
