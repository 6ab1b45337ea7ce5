/** Must hold: with certificates, only those of the cluster's authority are spoken to, and the log says who was not. */
import { BatonError, type Logger, silentLogger, systemClock, workerId } from "@baton/core";
import { createInMemoryWorkerRegistry } from "@baton/registry";
import { workerRecord } from "@baton/registry/testing";
import type { TlsIdentity } from "@baton/tls";
import { TestCertificates } from "@baton/tls/testing";
import { afterAll, afterEach, describe, expect, test } from "@jest/globals";
import { createGrpcWorkerAnnouncer } from "./grpc-worker-announcer.ts";
import { createHealthClient } from "./health-client.ts";
import { createRpcServer, type RpcServer } from "./rpc-server.ts";
import { uncanceled } from "./testing/fixtures.ts";

const certificates = new TestCertificates(["router", "elsewhere=10.9.9.9", "worker"]);
const others = new TestCertificates(["worker"]);
const router = certificates.identity("router");
const worker = certificates.identity("worker");

afterAll(() => {
  certificates[Symbol.dispose]();
  others[Symbol.dispose]();
});

let server: RpcServer;
const warnings: string[] = [];
/** The first thing that the server said of a connection. */
async function warning(): Promise<string> {
  while (warnings.length === 0) await new Promise((resolve) => setImmediate(resolve));
  return warnings[0]!;
}

afterEach(async () => {
  await server.shutdown(0);
  warnings.length = 0;
});

async function listen(tls: TlsIdentity | undefined, host = "127.0.0.1"): Promise<number> {
  const logger: Logger = { ...silentLogger, warn: (_fields, message) => void warnings.push(message) };
  server = createRpcServer({ logger, tls });
  server.setServing(true);
  return (await server.listen(host, 0)).port;
}

async function check(address: string, tls?: TlsIdentity): Promise<string> {
  const client = createHealthClient(address, tls);
  try {
    return await client.check(uncanceled());
  } catch (error) {
    return BatonError.from(error).message;
  } finally {
    client.close();
  }
}

describe("a server with certificates", () => {
  test("answers a client with one of the same authority, by address and by name", async () => {
    const port = await listen(router);
    expect(await check(`127.0.0.1:${port}`, worker)).toBe("serving");
    expect(await check(`localhost:${port}`, worker)).toBe("serving");
    expect(warnings).toEqual([]);
  });

  test("refuses a client without TLS, and says so on both sides", async () => {
    const port = await listen(router);
    expect(await check(`127.0.0.1:${port}`)).toContain("No connection established");
    expect(await warning()).toBe(
      "gRPC connection refused: it does not speak TLS, so its BATON_TLS_CERT_FILE is not set",
    );
  });

  test("is refused by a client of another authority", async () => {
    const port = await listen(router);
    expect(await check(`127.0.0.1:${port}`, others.identity("worker"))).toMatch(/certificate/);
    expect(await warning()).toMatch(/^gRPC connection refused: it /);
  });

  test("refuses a client with a certificate of another authority", async () => {
    const port = await listen(router);
    const stranger = { ...others.identity("worker"), ca: router.ca };
    expect(await check(`127.0.0.1:${port}`, stranger)).not.toBe("serving");
    expect(await warning()).toBe(
      "gRPC connection refused: its certificate is of another authority than BATON_TLS_CA_FILE",
    );
  });

  test("is checked for its name, or for the one that is expected of all", async () => {
    const port = await listen(certificates.identity("elsewhere"));
    const named = (serverName: string) => certificates.identity("worker", serverName);
    expect(await check(`127.0.0.1:${port}`, named("elsewhere"))).toBe("serving");
    expect(await check(`127.0.0.1:${port}`, named("baton"))).toBe("serving");
    expect(await check(`127.0.0.1:${port}`, named("10.9.9.9"))).toBe("serving");
    expect(await check(`127.0.0.1:${port}`, named("router"))).toContain(
      "does not match certificate's altnames",
    );
  });
});

test("a worker registers over TLS, and one without a certificate learns why it cannot", async () => {
  const port = await listen(router);
  const registry = createInMemoryWorkerRegistry({ clock: systemClock, heartbeatMs: 50 });
  server.addRegistry(registry);
  const refused = Promise.withResolvers<string>();
  const logger: Logger = {
    ...silentLogger,
    warn: (fields, message) => refused.resolve(`${message}: ${(fields as { err: Error }).err.message}`),
  };
  const address = `127.0.0.1:${port}`;
  const without = createGrpcWorkerAnnouncer({ address, logger });
  without.announce(workerRecord({ id: workerId("without") }));
  expect(await refused.promise).toMatch(/^Cannot reach the router yet.*BATON_TLS_CERT_FILE/);
  await without.close();

  const registered = new Promise<void>((resolve) => {
    registry.onChange(() => registry.workers().length === 1 && resolve());
  });
  const announcer = createGrpcWorkerAnnouncer({ address, tls: worker, logger: silentLogger });
  announcer.announce(workerRecord({ id: workerId("with") }));
  await registered;
  expect(registry.workers().map(({ id }) => id)).toEqual(["with"]);
  await announcer.close();
});
