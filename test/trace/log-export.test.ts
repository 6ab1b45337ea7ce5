/** Must hold: log lines reach the collector as well where that is asked for, each with the trace that it belongs to. */
import { once } from "node:events";
import { createServer } from "node:http";
import { createServer as createHttp2Server } from "node:http2";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import { BABBLE_MODEL } from "@baton/model/testing";
import { expect, test } from "@jest/globals";
import { Cluster } from "../support/cluster.ts";
import { eventually } from "../support/eventually.ts";
import { collect, post } from "../support/sse.ts";

const GRPC_PATH = "/opentelemetry.proto.collector.logs.v1.LogsService/Export";
const GRPC_NOTHING = Buffer.alloc(5); // A message of no bytes.

type Protocol = "grpc" | "http/protobuf";

/** Takes whatever is exported, and keeps log lines as they came, encoded. */
async function startReceiver(protocol: Protocol) {
  const bodies: Buffer[] = [];
  const server = protocol === "grpc" ? serveGrpc(bodies) : serveHttp(bodies);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { endpoint, bodies, [Symbol.asyncDispose]: async () => void server.close() };
}

function serveHttp(bodies: Buffer[]) {
  return createServer(async (request, response) => {
    const body = await buffer(request);
    if (request.url === "/v1/logs") bodies.push(body);
    response.writeHead(200).end();
  });
}

function serveGrpc(bodies: Buffer[]) {
  return createHttp2Server().on("stream", async (stream, headers) => {
    const body = await buffer(stream);
    if (headers[":path"] === GRPC_PATH) bodies.push(body);
    stream.respond({ "content-type": "application/grpc" }, { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
    stream.end(GRPC_NOTHING);
  });
}

test.each<Protocol>(["grpc", "http/protobuf"])(
  "lines of router and workers are sent over %s, and a request's have its trace id",
  async (protocol) => {
    await using receiver = await startReceiver(protocol);
    await using cluster = await Cluster.start({
      otlp: { endpoint: receiver.endpoint, protocol },
      env: { OTEL_LOGS_EXPORTER: "otlp", OTEL_BLRP_SCHEDULE_DELAY: "50", BATON_LOG_LEVEL: "info" },
    });
    const body = { model: BABBLE_MODEL, prompt: "Once", max_tokens: 4, temperature: 0 };
    const answer = await post(`${cluster.url}/v1/completions`, body);
    await collect(answer);
    const traceId = Buffer.from(answer.headers.get("x-baton-trace-id")!, "hex");
    await eventually("the line of the request arrives with its trace", async () =>
      receiver.bodies.some((sent) => sent.includes(traceId) && sent.includes("Request finished")),
    );
    for (const service of ["baton-router", "baton-prefill-worker", "baton-decode-worker"]) {
      await eventually(`lines of ${service} arrive`, async () =>
        receiver.bodies.some((sent) => sent.includes(service)),
      );
    }
  },
  60_000,
);

test("no line is sent unless asked for", async () => {
  await using receiver = await startReceiver("http/protobuf");
  {
    await using cluster = await Cluster.start({
      otlp: { endpoint: receiver.endpoint, protocol: "http/protobuf" },
      env: { BATON_LOG_LEVEL: "info" },
    });
    await collect(
      await post(`${cluster.url}/v1/completions`, { model: BABBLE_MODEL, prompt: "Once", max_tokens: 4 }),
    );
  } // All has been flushed.
  expect(receiver.bodies).toEqual([]);
}, 60_000);
