import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { silentLogger, systemClock, type WorkerRecord, workerId } from "@baton/core";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import {
  describeWorkerRegistry,
  RedisServer,
  type RegistryHarness,
  untilWorkers,
  workerRecord,
} from "../testing.ts";
import type { WorkerAnnouncer } from "../worker-registry.ts";
import type { RedisPlace } from "./redis-place.ts";
import {
  connectRedisWorkerAnnouncer,
  createRedisWorkerAnnouncer,
  type RedisWorkerAnnouncer,
} from "./redis-worker-announcer.ts";
import { connectRedisWorkerRegistry, createRedisWorkerRegistry } from "./redis-worker-registry.ts";

/** Installing Redis, where it has to be, takes its time. */
const INSTALL_MS = 400_000;
const HEARTBEAT_MS = 1000;
/** Where time really passes: quick, yet a busy machine does not look like a dead worker. */
const QUICK_MS = 400;

/** An outage lasts as long as it lasts, by the server's clock: the only waits here that are not for an event. */
const outage = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

let server: RedisServer;
let namespaces = 0;

beforeAll(async () => {
  server = await RedisServer.start();
}, INSTALL_MS);
afterAll(() => server[Symbol.asyncDispose]());

function place(url = server.url, heartbeatMs = HEARTBEAT_MS): RedisPlace {
  return { url, namespace: `test-${namespaces++}`, heartbeatMs };
}

/** A registry and announcers without timers: time passes by hand. */
async function createHarness(): Promise<RegistryHarness> {
  let now = 0;
  const where = place();
  const registry = connectRedisWorkerRegistry({ ...where, clock: { now: () => now }, logger: silentLogger });
  const announcers: RedisWorkerAnnouncer[] = [];
  return {
    registry,
    announcer() {
      const announcer = connectRedisWorkerAnnouncer({ ...where, logger: silentLogger });
      announcers.push(announcer);
      return announcer;
    },
    async pass(intervals, alive = []) {
      for (let i = 0; i < intervals; i += 1) {
        now += HEARTBEAT_MS;
        for (const announcer of alive) await (announcer as RedisWorkerAnnouncer).beat();
        await registry.reread();
      }
    },
    async close() {
      registry.close();
      await Promise.all(announcers.map((each) => each.close()));
    },
  };
}

describeWorkerRegistry("The registry in Redis", createHarness);

/** The parts as they run in production, with a quick heartbeat. */
function cluster(where: RedisPlace) {
  const registry = createRedisWorkerRegistry({ ...where, clock: systemClock, logger: silentLogger });
  const announcers: WorkerAnnouncer[] = [];
  const changes: number[] = [];
  registry.onChange(() => changes.push(registry.workers().length));
  return {
    registry,
    changes,
    announce(record: WorkerRecord): WorkerAnnouncer {
      const announcer = createRedisWorkerAnnouncer({ ...where, logger: silentLogger });
      announcers.push(announcer);
      announcer.announce(record);
      return announcer;
    },
    async [Symbol.asyncDispose]() {
      registry.close();
      await Promise.all(announcers.map((each) => each.close()));
    },
  };
}

const ids = (workers: readonly WorkerRecord[]) => workers.map(({ id }) => id);
const many = (count: number) => (workers: readonly WorkerRecord[]) => workers.length === count;

describe("a registry in Redis under failures", () => {
  const one = workerRecord({ id: workerId("decode-1") });
  const two = workerRecord({ id: workerId("decode-2") });

  /** Breaks Redis with two workers there, mends it, and adds a third: nobody may have left in between. */
  async function survives(breakIt: (redis: RedisServer) => Promise<void>): Promise<void> {
    await using redis = await RedisServer.start();
    await using running = cluster(place(redis.url, QUICK_MS));
    running.announce(one);
    running.announce(two);
    await untilWorkers(running.registry, many(2));
    running.changes.length = 0;
    await breakIt(redis);
    running.announce(workerRecord({ id: workerId("decode-3") }));
    await untilWorkers(running.registry, many(3));
    // Long enough for everybody's lease to have run out, had it not been renewed.
    await beats(running.registry, 30);
    expect(ids(running.registry.workers())).toEqual(["decode-1", "decode-2", "decode-3"]);
    expect(running.changes).toEqual([3]);
  }

  /** Waits for that many complete lists. */
  async function beats(registry: { reread(): Promise<void> }, count: number): Promise<void> {
    for (let i = 0; i < count; i++) {
      await outage(50);
      await registry.reread();
    }
  }

  test("keeps its workers while Redis is killed and restarted empty", () =>
    survives(async (redis) => {
      await redis.kill();
      await outage(1000);
      await redis.restart();
    }));

  test("keeps its workers while Redis is paused for many leases", () =>
    survives(async (redis) => {
      await redis.pause();
      await outage(2000);
      await redis.resume();
    }));

  test("keeps its workers when Redis is flushed, and they announce themselves anew", () =>
    survives(async (redis) => {
      expect(await redis.command("FLUSHALL")).toBe("+OK");
    }));

  test("notices a worker that died while Redis was away", async () => {
    await using redis = await RedisServer.start();
    const where = place(redis.url, QUICK_MS);
    await using running = cluster(where);
    const dying = connectRedisWorkerAnnouncer({ ...where, logger: silentLogger });
    dying.announce(one);
    running.announce(two);
    await untilWorkers(running.registry, many(2));
    await redis.kill();
    await dying.close();
    await redis.restart();
    await untilWorkers(running.registry, many(1));
    expect(ids(running.registry.workers())).toEqual(["decode-2"]);
  });

  test("starts without Redis, and finds it later", async () => {
    await using redis = await RedisServer.start();
    await redis.kill();
    await using running = cluster(place(redis.url, QUICK_MS));
    running.announce(one);
    await redis.restart();
    await untilWorkers(running.registry, many(1));
  });

  test("keeps the order of two epochs through a flush, whichever announces itself first afterwards", async () => {
    const where = place();
    await using running = cluster(where);
    const connectAs = async (epoch: string) => {
      const announcer = connectRedisWorkerAnnouncer({ ...where, logger: silentLogger });
      announcer.announce(workerRecord({ epoch }));
      await untilWorkers(running.registry, ([worker]) => worker?.epoch === epoch);
      return announcer;
    };
    const old = await connectAs("old");
    const fresh = await connectAs("new");
    for (const order of [
      [old, fresh],
      [fresh, old],
    ]) {
      await server.command("DEL", `${where.namespace}:v1:workers`);
      for (const announcer of order) await announcer.beat();
      await running.registry.reread();
      expect(running.registry.workers().map(({ epoch }) => epoch)).toEqual(["new"]);
    }
    await Promise.all([old.close(), fresh.close()]);
  });

  test("two routers on one Redis see the same workers, and clusters of other names see none of them", async () => {
    const where = place();
    await using first = cluster(where);
    await using second = cluster(where);
    await using stranger = cluster(place());
    first.announce(one);
    second.announce(two);
    await untilWorkers(first.registry, many(2));
    await untilWorkers(second.registry, many(2));
    await stranger.registry.reread();
    expect(stranger.registry.workers()).toEqual([]);
  });
});

describe("a registry in Redis is reached", () => {
  async function reaches(where: RedisPlace): Promise<void> {
    await using running = cluster(where);
    const announcer = running.announce(workerRecord());
    await untilWorkers(running.registry, many(1));
    announcer.announce(workerRecord({ state: "draining" }));
    await untilWorkers(running.registry, ([worker]) => worker?.state === "draining");
    await announcer.close();
    await untilWorkers(running.registry, many(0));
  }

  test("as a user with the rights that the design page names", async () => {
    const rights = "on >sec@ret ~baton:* &baton:* -@all +@connection +info +eval +hget +hset +hdel +hgetall";
    await using redis = await RedisServer.start(() => [
      `user baton ${rights} +pexpire +publish +time +subscribe`,
      "user default off",
    ]);
    const url = `redis://baton:sec%40ret@127.0.0.1:${redis.port}`;
    await reaches({ url, namespace: "baton", heartbeatMs: HEARTBEAT_MS });
  });

  test("through a cluster's node", async () => {
    await using redis = await RedisServer.start(() => [
      "cluster-enabled yes",
      "cluster-announce-ip 127.0.0.1",
    ]);
    await redis.command("CLUSTER", "ADDSLOTSRANGE", "0", "16383");
    await reaches(place(`redis-cluster://127.0.0.1:${redis.port}`));
  });

  test("through sentinels", async () => {
    await using redis = await RedisServer.start();
    await using sentinel = await RedisServer.start(() => [], "sentinel");
    expect(await sentinel.command("SENTINEL", "MONITOR", "main", "127.0.0.1", String(redis.port), "1")).toBe(
      "+OK",
    );
    await reaches(place(`redis-sentinel://127.0.0.1:${sentinel.port}/main`));
  });

  test("over TLS, with a certificate authority of its own", async () => {
    await using redis = await RedisServer.start(certified, "tls");
    await reaches({ ...place(`rediss://127.0.0.1:${redis.port}`), tls: { ca: authority } });
  });
});

let authority: Buffer;

/** Makes a certificate for 127.0.0.1, and the configuration that uses it. */
function certified(folder: string): string[] {
  const [key, certificate] = [join(folder, "key.pem"), join(folder, "cert.pem")];
  execFileSync(
    "openssl",
    [
      ...["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost"],
      ...["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate],
    ],
    { stdio: "ignore" },
  );
  authority = readFileSync(certificate);
  const files = [`tls-cert-file ${certificate}`, `tls-key-file ${key}`, `tls-ca-cert-file ${certificate}`];
  return [...files, "tls-auth-clients no"];
}
