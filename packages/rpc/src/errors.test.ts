import { BatonError, ERROR_TRAITS, type ErrorCode, type Logger, silentLogger } from "@baton/core";
import * as grpc from "@grpc/grpc-js";
import { describe, expect, test } from "@jest/globals";
import { createDecodeClient } from "./decode-client.ts";
import { createPrefillClient } from "./prefill-client.ts";
import { createRpcServer } from "./rpc-server.ts";
import { fromServiceError, toStatusError } from "./status.ts";
import {
  collect,
  generateCall,
  HOST,
  prefillCall,
  startDecodeServer,
  startPrefillServer,
  uncanceled,
} from "./testing/fixtures.ts";

const CODES = Object.keys(ERROR_TRAITS) as ErrorCode[];

async function failure(promise: Promise<unknown>): Promise<BatonError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(BatonError);
  return error as BatonError;
}

describe("an error of a service", () => {
  test.each(CODES)("arrives as the same %s from a unary call", async (code) => {
    await using peer = await startPrefillServer(async () => {
      throw new BatonError(code, `Cannot do it: 100 % "${code}" — naïve 🎭`, {
        param: "messages[0].content",
      });
    });
    const error = await failure(peer.prefill.prefill(prefillCall(), uncanceled()));
    expect(error.code).toBe(code);
    expect(error.message).toBe(`Cannot do it: 100 % "${code}" — naïve 🎭`);
    expect(error.param).toBe("messages[0].content");
  });

  test.each(CODES)("arrives as the same %s from a stream, after what was sent before it", async (code) => {
    await using peer = await startDecodeServer(async function* () {
      yield { type: "tokens", tokenIds: [1] };
      throw new BatonError(code, "Cannot go on");
    });
    const received: unknown[] = [];
    const error = await failure(
      (async () => {
        for await (const event of peer.decode.generate(generateCall(), uncanceled())) received.push(event);
      })(),
    );
    expect(received).toEqual([{ type: "tokens", tokenIds: [1] }]);
    expect(error).toMatchObject({ code, message: "Cannot go on", param: undefined });
  });

  test("that is thrown synchronously arrives too", async () => {
    await using peer = await startDecodeServer(() => {
      throw new BatonError("overloaded", "Cannot take more");
    });
    expect(await failure(collect(peer.decode.generate(generateCall(), uncanceled())))).toMatchObject({
      code: "overloaded",
    });
  });

  test("that is no BatonError arrives as internal and is logged", async () => {
    const logged: string[] = [];
    const logger: Logger = { ...silentLogger, error: (_fields, message) => void logged.push(message) };
    const server = createRpcServer({ logger });
    server.addPrefill({ prefill: () => Promise.reject(new TypeError("x is not a function")) });
    const { port } = await server.listen(HOST, 0);
    const client = createPrefillClient(`${HOST}:${port}`);
    expect(await failure(client.prefill(prefillCall(), uncanceled()))).toMatchObject({ code: "internal" });
    expect(logged).toEqual(["Call failed"]);
    client.close();
    await server.shutdown(0);
  });

  test("with a message that no header could hold is clipped, not fatal", async () => {
    const message = `${"🎭".repeat(299)}x\ud83c${"y".repeat(100_000)}`;
    await using peer = await startDecodeServer(() => {
      throw new BatonError("internal", message, { param: "\ud800".repeat(1000) });
    });
    const error = await failure(collect(peer.decode.generate(generateCall(), uncanceled())));
    expect(error.message.startsWith("🎭".repeat(299))).toBe(true);
  });
});

describe("a failure of gRPC itself", () => {
  const statuses = Object.values(grpc.status).filter(
    (value): value is grpc.status => typeof value === "number",
  );
  const plain = (code: grpc.status): grpc.ServiceError =>
    Object.assign(new Error("x"), { code, details: "details", metadata: new grpc.Metadata() });

  test.each(statuses)("with status %s has a code of ours", (code) => {
    const error = fromServiceError(plain(code), "do it");
    expect(CODES).toContain(error.code);
    expect(error.message).toBe("Cannot do it: details");
  });

  test("is worker_lost when the call was reset without a status, as by a server that goes away", () => {
    const details = "Received RST_STREAM with code 0 (Call ended without gRPC status)";
    const reset = Object.assign(plain(grpc.status.INTERNAL), { details });
    expect(fromServiceError(reset, "do it")).toMatchObject({ code: "worker_lost" });
  });

  test.each(CODES)("is not what %s becomes: its status and metadata lead back to it", (code) => {
    const status = toStatusError(new BatonError(code, "Cannot do it", { param: "prompt" }));
    expect(status.code).toBe(ERROR_TRAITS[code].grpc);
    expect(fromServiceError(status, "do it")).toMatchObject({ code, param: "prompt" });
  });

  test("is worker_lost naming the address when nobody listens there", async () => {
    const client = createPrefillClient(`${HOST}:1`);
    const error = await failure(client.prefill(prefillCall(), uncanceled()));
    expect(error.code).toBe("worker_lost");
    expect(error.message).toContain(`prefill on worker "${HOST}:1"`);
    client.close();
  });

  test("is unavailable when the client was closed", async () => {
    const client = createDecodeClient(`${HOST}:1`);
    client.close();
    expect(await failure(collect(client.generate(generateCall(), uncanceled())))).toMatchObject({
      code: "unavailable",
    });
  });

  test("is internal when the worker has no such service", async () => {
    await using peer = await startPrefillServer(() => Promise.reject(new Error("unused")));
    expect(await failure(collect(peer.decode.generate(generateCall(), uncanceled())))).toMatchObject({
      code: "internal",
    });
  });

  test("is payload_too_large for a message above the limit", async () => {
    const server = createRpcServer({ logger: silentLogger, maxMessageBytes: 1000 });
    server.addPrefill({ prefill: () => Promise.reject(new Error("unused")) });
    const { port } = await server.listen(HOST, 0);
    const client = createPrefillClient(`${HOST}:${port}`);
    const promptTokenIds = Array.from({ length: 1000 }, () => 100_000);
    const call = prefillCall({ request: { ...prefillCall().request, promptTokenIds } });
    expect(await failure(client.prefill(call, uncanceled()))).toMatchObject({ code: "payload_too_large" });
    client.close();
    await server.shutdown(0);
  });
});
