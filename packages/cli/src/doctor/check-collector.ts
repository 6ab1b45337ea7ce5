/** Does the collector take our spans, and if not, why? */
import { once } from "node:events";
import { connect } from "node:net";
import { BatonError } from "@baton/core";
import { type OtlpProtocol, sendTestSpan } from "@baton/tracing";
import { reasonOf } from "../router/router-api.ts";
import { type Finding, fail, ok } from "./finding.ts";

const TIMEOUT_MS = 3000;
const USUAL_PORT = { grpc: 4317, "http/protobuf": 4318 } as const;

export interface CollectorConfig {
  readonly otlpEndpoint: string | undefined;
  readonly otlpProtocol: OtlpProtocol;
}

export async function* checkCollector({
  otlpEndpoint: endpoint,
  otlpProtocol: protocol,
}: CollectorConfig): AsyncGenerator<Finding, void, void> {
  if (endpoint === undefined) {
    yield ok("collector", "none is set (OTEL_EXPORTER_OTLP_ENDPOINT): traces stay in the router");
    return;
  }
  const unreachable = await whyUnreachable(endpoint);
  if (unreachable !== undefined) {
    const advice = "start the collector, or correct OTEL_EXPORTER_OTLP_ENDPOINT (--otlp-endpoint)";
    yield fail("collector", `cannot reach "${endpoint}": ${unreachable}`, advice);
    return;
  }
  yield ok("collector", `${endpoint} is reachable`);
  yield await testSpan(endpoint, protocol);
}

/** Undefined where somebody listens there. */
async function whyUnreachable(endpoint: string): Promise<string | undefined> {
  const { hostname, port, protocol } = new URL(endpoint);
  const host = hostname.replace(/^\[(.*)\]$/, "$1");
  const socket = connect({ host, port: Number(port) || (protocol === "https:" ? 443 : 80) });
  try {
    await once(socket, "connect", { signal: AbortSignal.timeout(TIMEOUT_MS) });
    return undefined;
  } catch (error) {
    return BatonError.from(error).code === "deadline_exceeded" ? "it does not answer" : reasonOf(error);
  } finally {
    socket.destroy();
  }
}

async function testSpan(endpoint: string, protocol: OtlpProtocol): Promise<Finding> {
  const refused = await whyRefused(endpoint, protocol);
  if (refused === undefined) return ok("collector", `it took a test span over ${protocol}`);
  const other = protocol === "grpc" ? "http/protobuf" : "grpc";
  if ((await whyRefused(endpoint, other)) === undefined) {
    return fail(
      "collector",
      `it speaks ${other}, not ${protocol}`,
      `set OTEL_EXPORTER_OTLP_TRACES_PROTOCOL=${other} (--otlp-protocol ${other}), or name its port for ${protocol}, usually ${USUAL_PORT[protocol]}`,
    );
  }
  return fail(
    "collector",
    `it did not take a test span over ${protocol}: ${refused}`,
    "see that it receives OTLP there, and set what it asks for: OTEL_EXPORTER_OTLP_HEADERS, OTEL_EXPORTER_OTLP_CERTIFICATE",
  );
}

/** Undefined where the collector took a span. */
async function whyRefused(endpoint: string, protocol: OtlpProtocol): Promise<string | undefined> {
  try {
    await sendTestSpan({ endpoint, protocol, timeoutMs: TIMEOUT_MS });
    return undefined;
  } catch (error) {
    return reasonOf(error);
  }
}
