import * as grpc from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { GenerateRequest } from "./generated/baton/v1/GenerateRequest.ts";
import type { PrefillRequest } from "./generated/baton/v1/PrefillRequest.ts";
import { DecodeWorker, PrefillWorker } from "./proto.ts";
import { decodeService, startServer, type TestServer } from "./testing/fixtures.ts";

const SAMPLING = { temperature: 0.5, topP: 1, repetitionPenalty: 1, seed: "1", maxTokens: 1 };
const PREFILL: PrefillRequest = {
  requestId: "r",
  promptTokenIds: [1],
  sampling: SAMPLING,
  bootstrapRoom: "1",
  attempt: 1,
};
const GENERATE: GenerateRequest = { requestId: "r", promptTokenIds: [1], sampling: SAMPLING, attempt: 1 };
const HANDOVER = { host: "h", port: 1, bootstrapRoom: "1" };

describe("a request that is not valid is refused, naming the field, and reaches no service", () => {
  let peer: TestServer;
  let served = 0;
  const clients: grpc.Client[] = [];
  const connect = <C extends grpc.Client>(
    Client: new (...args: ConstructorParameters<typeof grpc.Client>) => C,
  ): C => {
    const client = new Client(peer.address, grpc.credentials.createInsecure());
    clients.push(client);
    return client;
  };

  beforeAll(async () => {
    peer = await startServer((server) => {
      server.addPrefill({
        async prefill() {
          served += 1;
          return {
            usage: { promptTokens: 1, cachedTokens: 0, completionTokens: 1 },
            firstTokenId: 1,
            kvBytes: 0,
          };
        },
      });
      server.addDecode(
        decodeService(
          () => {
            served += 1;
            throw new Error("unused");
          },
          () => {
            served += 1;
          },
        ),
      );
    });
  });

  afterAll(async () => {
    for (const client of clients) client.close();
    await peer[Symbol.asyncDispose]();
    expect(served).toBe(0);
  });

  const expectRefusal = (error: grpc.ServiceError | null, field: string) => {
    expect(error?.code).toBe(grpc.status.INVALID_ARGUMENT);
    expect(error?.details).toContain(`Cannot accept "${field}"`);
    expect(error?.metadata.get("baton-error-param")).toEqual([encodeURIComponent(field)]);
  };

  test.each<[string, PrefillRequest]>([
    ["request_id", { ...PREFILL, requestId: "" }],
    ["request_id", { ...PREFILL, requestId: "x".repeat(513) }],
    ["prompt_token_ids", { ...PREFILL, promptTokenIds: [] }],
    ["sampling", { ...PREFILL, sampling: null }],
    ["sampling.temperature", { ...PREFILL, sampling: { ...SAMPLING, temperature: -1 } }],
    ["sampling.temperature", { ...PREFILL, sampling: { ...SAMPLING, temperature: Number.NaN } }],
    [
      "sampling.temperature",
      { ...PREFILL, sampling: { ...SAMPLING, temperature: Number.POSITIVE_INFINITY } },
    ],
    ["sampling.top_p", { ...PREFILL, sampling: { ...SAMPLING, topP: 0 } }],
    ["sampling.top_p", { ...PREFILL, sampling: { ...SAMPLING, topP: 1.5 } }],
    ["sampling.max_tokens", { ...PREFILL, sampling: { ...SAMPLING, maxTokens: 0 } }],
    ["sampling.min_tokens", { ...PREFILL, sampling: { ...SAMPLING, minTokens: 2 } }],
    ["sampling.min_p", { ...PREFILL, sampling: { ...SAMPLING, minP: 1.1 } }],
    ["sampling.repetition_penalty", { ...PREFILL, sampling: { ...SAMPLING, repetitionPenalty: 0 } }],
    ["sampling.presence_penalty", { ...PREFILL, sampling: { ...SAMPLING, presencePenalty: Number.NaN } }],
    ["sampling.frequency_penalty", { ...PREFILL, sampling: { ...SAMPLING, frequencyPenalty: -Infinity } }],
    [
      "sampling.logit_bias",
      { ...PREFILL, sampling: { ...SAMPLING, logitBias: [{ tokenId: 1, bias: NaN }] } },
    ],
    ["answered_token_ids.length", { ...PREFILL, answeredTokenIds: [1] }],
    ["sampling.top_logprobs", { ...PREFILL, sampling: { ...SAMPLING, topLogprobs: 21 } }],
    ["bootstrap_room", { ...PREFILL, bootstrapRoom: "0" }],
    ["bootstrap_room", { ...PREFILL, bootstrapRoom: "9223372036854775808" }],
    ["attempt", { ...PREFILL, attempt: 0 }],
  ])("prefill: %s", async (field, request) => {
    const { promise, resolve } = Promise.withResolvers<grpc.ServiceError | null>();
    connect(PrefillWorker).prefill(request, resolve);
    expectRefusal(await promise, field);
  });

  test.each<[string, GenerateRequest]>([
    ["prompt_token_ids", { ...GENERATE, promptTokenIds: [] }],
    ["handover.host", { ...GENERATE, handover: { ...HANDOVER, host: "" } }],
    ["handover.port", { ...GENERATE, handover: { ...HANDOVER, port: 0 } }],
    ["handover.port", { ...GENERATE, handover: { ...HANDOVER, port: 65536 } }],
    ["handover.bootstrap_room", { ...GENERATE, handover: { ...HANDOVER, bootstrapRoom: "0" } }],
    ["attempt", { ...GENERATE, attempt: 0 }],
  ])("generate: %s", async (field, request) => {
    const { promise, resolve } = Promise.withResolvers<grpc.ServiceError | null>();
    connect(DecodeWorker).generate(request).on("error", resolve);
    expectRefusal(await promise, field);
  });

  test("stop: request_id", async () => {
    const { promise, resolve } = Promise.withResolvers<grpc.ServiceError | null>();
    connect(DecodeWorker).stop({ requestId: "", attempt: 1 }, resolve);
    expectRefusal(await promise, "request_id");
  });
});

test("a trace header that is not valid is ignored, the request is served", async () => {
  const headers: unknown[] = [];
  await using peer = await startServer((server) =>
    server.addPrefill({
      async prefill({ header }) {
        headers.push(header);
        return {
          usage: { promptTokens: 1, cachedTokens: 0, completionTokens: 1 },
          firstTokenId: 1,
          kvBytes: 0,
        };
      },
    }),
  );
  const client = new PrefillWorker(peer.address, grpc.credentials.createInsecure());
  const { promise, resolve } = Promise.withResolvers<grpc.ServiceError | null>();
  client.prefill(
    { ...PREFILL, externalTraceHeader: { traceparent: "00-nonsense", tracestate: "a=b" } },
    resolve,
  );
  expect(await promise).toBeNull();
  expect(headers).toEqual([undefined]);
  client.close();
});
