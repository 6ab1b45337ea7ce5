/** What the tests of this package share: valid requests, a server with its clients, and services made to order. */
import {
  bootstrapRoom,
  type GenerationEvent,
  NEUTRAL_SAMPLING,
  NO_TIMINGS,
  requestId,
  silentLogger,
} from "@baton/core";
import { type ControlClient, createControlClient } from "../control-client.ts";
import { createDecodeClient, type DecodeClient } from "../decode-client.ts";
import type { DecodeService, GenerateCall } from "../decode-service.ts";
import { createHealthClient, type HealthClient } from "../health-client.ts";
import type { CallOptions } from "../outgoing-call.ts";
import { createPrefillClient, type PrefillClient } from "../prefill-client.ts";
import type { PrefillCall, PrefillService } from "../prefill-service.ts";
import { createRpcServer, type RpcServer } from "../rpc-server.ts";

export const HOST = "127.0.0.1";

/** A call that nobody cancels. */
export function uncanceled(): CallOptions {
  return { signal: new AbortController().signal };
}

/** A valid generation request, one minute before its deadline. */
export function generateCall(differences: Partial<GenerateCall> = {}): Omit<GenerateCall, "signal"> {
  return {
    request: {
      requestId: requestId("req-1"),
      promptTokenIds: [1, 2, 3],
      sampling: { ...NEUTRAL_SAMPLING, temperature: 0, seed: 7n, maxTokens: 16, stopTokenIds: [2] },
      deadline: Date.now() + 60_000,
    },
    attempt: 1,
    header: undefined,
    ...differences,
  };
}

/** A valid prefill request, one minute before its deadline. */
export function prefillCall(differences: Partial<PrefillCall> = {}): Omit<PrefillCall, "signal"> {
  return { ...generateCall(), room: bootstrapRoom(42n), ...differences };
}

/** The end of a good answer. */
export const END: GenerationEvent = {
  type: "end",
  reason: "stop",
  usage: { promptTokens: 3, cachedTokens: 0, completionTokens: 2 },
  timings: { ...NO_TIMINGS, decodeWaitMs: 0.25, decodeMs: 1e6 },
};

/** A decode service whose answers are what `generate` yields. */
export function decodeService(
  generate: (call: GenerateCall) => AsyncIterable<GenerationEvent>,
  stop: DecodeService["stop"] = () => {},
): DecodeService {
  return { generate, stop };
}

/** Never resolves; rejects with the signal's reason. */
export function untilAbort(signal: AbortSignal): Promise<never> {
  const { promise, reject } = Promise.withResolvers<never>();
  if (signal.aborted) reject(signal.reason);
  else signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  return promise;
}

/** Reads an answer to its end. */
export async function collect(events: AsyncIterable<GenerationEvent>): Promise<GenerationEvent[]> {
  const all: GenerationEvent[] = [];
  for await (const event of events) all.push(event);
  return all;
}

/** A server on a free port with a client of each kind; disposing of it checks that no call is left. */
export interface TestServer extends AsyncDisposable {
  readonly server: RpcServer;
  readonly address: string;
  readonly prefill: PrefillClient;
  readonly decode: DecodeClient;
  readonly control: ControlClient;
  readonly health: HealthClient;
}

export async function startServer(add: (server: RpcServer) => void): Promise<TestServer> {
  const server = createRpcServer({ logger: silentLogger });
  add(server);
  const { port } = await server.listen(HOST, 0);
  const address = `${HOST}:${port}`;
  const clients = {
    prefill: createPrefillClient(address),
    decode: createDecodeClient(address),
    control: createControlClient(address),
    health: createHealthClient(address),
  };
  return {
    server,
    address,
    ...clients,
    async [Symbol.asyncDispose]() {
      for (const client of Object.values(clients)) client.close();
      await server.shutdown(0);
      if (server.openCalls > 0) throw new Error(`${server.openCalls} calls are left open`);
    },
  };
}

/** A server with only a decode service. */
export function startDecodeServer(
  generate: (call: GenerateCall) => AsyncIterable<GenerationEvent>,
): Promise<TestServer> {
  return startServer((server) => server.addDecode(decodeService(generate)));
}

/** A server with only a prefill service. */
export function startPrefillServer(prefill: PrefillService["prefill"]): Promise<TestServer> {
  return startServer((server) => server.addPrefill({ prefill }));
}
