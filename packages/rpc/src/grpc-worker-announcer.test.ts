import { BatonError, type Logger, silentLogger, systemClock, type WorkerRecord, workerId } from "@baton/core";
import {
  createInMemoryWorkerRegistry,
  type InMemoryWorkerRegistry,
  type WorkerAnnouncer,
} from "@baton/registry";
import { untilWorkers, workerRecord } from "@baton/registry/testing";
import * as grpc from "@grpc/grpc-js";
import { afterEach, describe, expect, test } from "@jest/globals";
import { createGrpcWorkerAnnouncer } from "./grpc-worker-announcer.ts";
import { WorkerRegistry } from "./proto.ts";
import { createRpcServer, type RpcServer } from "./rpc-server.ts";
import { startChild } from "./testing/child.ts";
import { HOST } from "./testing/fixtures.ts";

const servers: RpcServer[] = [];
const announcers: WorkerAnnouncer[] = [];

afterEach(async () => {
  await Promise.all(announcers.splice(0).map((announcer) => announcer.close()));
  await Promise.all(servers.splice(0).map((server) => server.shutdown(0)));
});

interface Router {
  readonly registry: InMemoryWorkerRegistry;
  readonly server: RpcServer;
  readonly address: string;
}

async function startRouter(
  options: { port?: number; accept?: (record: WorkerRecord) => void } = {},
): Promise<Router> {
  const { accept } = options;
  const registry = createInMemoryWorkerRegistry({
    clock: systemClock,
    heartbeatMs: 5,
    ...(accept && { accept }),
  });
  const server = createRpcServer({ logger: silentLogger });
  servers.push(server);
  server.addRegistry(registry);
  const { port } = await server.listen(HOST, options.port ?? 0);
  return { registry, server, address: `${HOST}:${port}` };
}

function createAnnouncer(address: string, logger: Logger = silentLogger): WorkerAnnouncer {
  const announcer = createGrpcWorkerAnnouncer({ address, logger });
  announcers.push(announcer);
  return announcer;
}

const present = ({ registry }: Router, count: number) =>
  untilWorkers(registry, (workers) => workers.length === count);

describe("an announcer over gRPC", () => {
  test("registers the worker with every field", async () => {
    const router = await startRouter();
    const prefill = workerRecord({
      id: workerId("prefill-0"),
      role: "prefill",
      kvAddress: { host: "10.0.0.1", port: 9000 },
    });
    createAnnouncer(router.address).announce(prefill);
    createAnnouncer(router.address).announce(workerRecord());
    await present(router, 2);
    expect(router.registry.workers()).toEqual([workerRecord(), prefill]);
  });

  test("tells of every change of state at once", async () => {
    const router = await startRouter();
    const announcer = createAnnouncer(router.address);
    for (const state of ["starting", "serving", "draining"] as const) {
      announcer.announce(workerRecord({ state }));
      await untilWorkers(router.registry, (workers) => workers[0]?.state === state);
    }
  });

  test("goes on announcing with every heartbeat", async () => {
    let left = 5;
    const heard = Promise.withResolvers<void>();
    const router = await startRouter({
      accept() {
        left -= 1;
        if (left === 0) heard.resolve();
      },
    });
    createAnnouncer(router.address).announce(workerRecord());
    await heard.promise;
    expect(router.registry.workers()).toHaveLength(1);
  });

  test("says goodbye when closed, twice without harm", async () => {
    const router = await startRouter();
    const announcer = createAnnouncer(router.address);
    announcer.announce(workerRecord());
    await present(router, 1);
    await Promise.all([announcer.close(), announcer.close()]);
    await present(router, 0);
  });

  test("waits for a router that is not up yet", async () => {
    const first = await startRouter();
    await first.server.shutdown(0);
    createAnnouncer(first.address).announce(workerRecord());
    const router = await startRouter({ port: portOf(first.address) });
    await present(router, 1);
  });

  test("finds a router that was restarted, and announces the latest record there", async () => {
    const first = await startRouter();
    const announcer = createAnnouncer(first.address);
    announcer.announce(workerRecord({ state: "starting" }));
    await present(first, 1);
    await first.server.shutdown(60_000); // Does not wait for registered workers.
    expect(first.registry.workers()).toEqual([]);
    announcer.announce(workerRecord({ state: "serving" }));
    const second = await startRouter({ port: portOf(first.address) });
    await present(second, 1);
    expect(second.registry.workers()[0]?.state).toBe("serving");
  });

  test("logs why the router refuses the worker", async () => {
    const router = await startRouter({
      accept() {
        throw new BatonError("kv_mismatch", 'Cannot accept worker "decode-0": block size is 16, expected 8');
      },
    });
    const refused = Promise.withResolvers<string>();
    const logger: Logger = { ...silentLogger, error: (_fields, message) => refused.resolve(message) };
    createAnnouncer(router.address, logger).announce(workerRecord());
    expect(await refused.promise).toBe(
      'The router refuses this worker: Cannot accept worker "decode-0": block size is 16, expected 8',
    );
    expect(router.registry.workers()).toEqual([]);
  });

  test("can be closed before it announced, and while it looks for a router", async () => {
    await createAnnouncer(`${HOST}:1`).close();
    const looking = Promise.withResolvers<void>();
    const logger: Logger = { ...silentLogger, warn: () => looking.resolve() };
    const announcer = createAnnouncer(`${HOST}:1`, logger);
    announcer.announce(workerRecord());
    await looking.promise;
    await announcer.close();
  });
});

describe("a router", () => {
  test("forgets a worker whose process was killed, without waiting for heartbeats", async () => {
    const router = await startRouter();
    const { child } = await startChild("registered-worker", router.address);
    await present(router, 1);
    child.kill("SIGKILL");
    await present(router, 0);
  });

  test.each([
    ["id", { id: "" }],
    ["role", { role: "observer" }],
    ["state", { state: "gone" }],
    ["kv_host", { role: "prefill" }],
    ["layout", { layout: null }],
    ["kv_blocks", { kvBlocks: 0 }],
  ])("refuses an announcement without a valid %s, naming it", async (field, differences) => {
    const router = await startRouter();
    const client = new WorkerRegistry(router.address, grpc.credentials.createInsecure());
    const { capacity, ...record } = workerRecord();
    const { promise, resolve } = Promise.withResolvers<Error>();
    const call = client.attach();
    call.on("error", resolve);
    call.write({ ...record, ...capacity, ...differences } as Parameters<typeof call.write>[0]);
    expect((await promise).message).toContain(`Cannot accept "${field}"`);
    expect(router.registry.workers()).toEqual([]);
    client.close();
  });
});

function portOf(address: string): number {
  return Number(address.split(":")[1]);
}
