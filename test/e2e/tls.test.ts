/** Must hold: with certificates, everything between router and workers is encrypted, and nobody else takes part. */
import { connect } from "node:net";
import { BABBLE_MODEL, ensureBabbleCheckpoint } from "@baton/model/testing";
import { RedisServer } from "@baton/registry/testing";
import { TestCertificates } from "@baton/tls/testing";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { Cluster, TEST_CACHE } from "../support/cluster.ts";
import { eventually } from "../support/eventually.ts";
import { type ServiceName, ServiceProcess, sourceOf } from "../support/service-process.ts";
import { longPrompt, TracedRun } from "../trace/matrix/traced-run.ts";

const certificates = new TestCertificates();
const others = new TestCertificates();

let run: TracedRun;
let env: Readonly<Record<string, string>>;

beforeAll(async () => {
  run = await TracedRun.start({ certificates, env: { BATON_LOG_LEVEL: "info" } });
  env = {
    BATON_CACHE: TEST_CACHE,
    BATON_WEIGHTS: "fp32", // As the cluster has them.
    BATON_MODEL: await ensureBabbleCheckpoint(TEST_CACHE),
    BATON_REGISTRY: run.cluster.process("router").addresses.grpc!,
  };
}, 60_000);

afterAll(async () => {
  await run?.stop();
  certificates[Symbol.dispose]();
  others[Symbol.dispose]();
});

/** Starts a worker beside the cluster; its traces go nowhere. */
function worker(service: ServiceName, own: Readonly<Record<string, string>>): Promise<ServiceProcess> {
  return ServiceProcess.start(sourceOf(service), [], { ...env, ...own });
}

async function workerNames(): Promise<readonly string[]> {
  const response = await fetch(`${run.cluster.url}/workers`);
  const { data } = (await response.json()) as { data: { id: string }[] };
  return data.map(({ id }) => id).sort();
}

test("a cluster with certificates answers, and each request has one tree over all three processes", async () => {
  const names = ["prefill_transfer_kv_cache", "decode_transferred", "decode_forward"];
  const ids = [
    await run.ask({ max_tokens: 20 }),
    await run.ask({ max_tokens: 20, stream: true, prompt: longPrompt() }),
  ];
  for (const id of ids) {
    const trace = await run.traceOf(id, names);
    expect(new Set(trace.map(({ resource }) => resource["service.name"])).size).toBe(3);
    // The workers' spans came to the router's own store over TLS.
    await eventually("the router has them too", async () => {
      const stored = await (await fetch(`${run.cluster.url}/traces/${id}`)).text();
      return ["prefill", "decode"].every((role) => stored.includes(`"baton-${role}-worker"`));
    });
  }
  await run.atRest();
});

describe("refused, with the reason in the logs, is", () => {
  const routerLog = () => run.cluster.process("router").log;

  test("a worker without a certificate", async () => {
    const stranger = await worker("decode-worker", {});
    await eventually("both have said so", async () => {
      return (
        stranger.log.includes("it may want TLS, for which this worker has no BATON_TLS_CERT_FILE") &&
        routerLog().includes("gRPC connection refused: it does not speak TLS")
      );
    });
    expect(await workerNames()).toEqual(["decode-0", "prefill-0"]);
    await stranger.end();
  });

  test("a worker of another authority", async () => {
    const stranger = await worker("decode-worker", others.env("decode-worker"));
    await eventually("both have said so", async () => {
      return (
        /certificate in certificate chain.*Cannot reach the router yet/.test(stranger.log) &&
        routerLog().includes("gRPC connection refused: it broke off the TLS handshake")
      );
    });
    expect(await workerNames()).toEqual(["decode-0", "prefill-0"]);
    await stranger.end();
  });

  test("a worker whose certificate only looks right", async () => {
    const own = { ...others.env("decode-worker"), BATON_TLS_CA_FILE: certificates.files("router").tlsCaFile };
    await expect(worker("decode-worker", own)).rejects.toThrow(
      /ended before it was ready \(2\)[\s\S]*has issued it/,
    );
  });

  test("a plain client of the KV port", async () => {
    const [host, port] = run.cluster.process("prefill-0").addresses.kv!.split(":");
    const socket = connect({ host: host!, port: Number(port) })
      .resume()
      .on("error", () => {});
    const closed = new Promise((resolve) => socket.once("close", resolve));
    socket.write("HELLO, anybody?");
    await closed;
    await eventually("the prefill worker has said so", async () =>
      run.cluster.process("prefill-0").log.includes("KV connection refused: it does not speak TLS"),
    );
  });
});

test.each([
  ["is missing", { BATON_TLS_CERT_FILE: "" }, "BATON_TLS_CERT_FILE is missing"],
  [
    "is not there",
    { BATON_TLS_KEY_FILE: "/no/such.key" },
    'Cannot use the file "/no/such.key" of BATON_TLS_KEY_FILE',
  ],
  [
    "is of another certificate",
    { BATON_TLS_KEY_FILE: certificates.files("prefill-worker").tlsKeyFile },
    "it is not the key of the certificate",
  ],
])("a service whose file %s does not start and says so in one line", async (_what, own, problem) => {
  for (const service of ["router", "decode-worker"] as const) {
    const started = worker(service, { ...certificates.env("router"), ...own });
    const error = await started.then(
      () => undefined,
      (reason: Error) => reason,
    );
    expect(error?.message).toContain("ended before it was ready (2)");
    expect(
      error?.message
        .split("\n")
        .slice(1)
        .filter((line) => line !== ""),
    ).toEqual([expect.stringContaining(problem)]);
  }
});

test("with the workers' list in Redis, a worker without a certificate is left out, and the log says so", async () => {
  await using redis = await RedisServer.start();
  const shared = { BATON_REDIS_URL: redis.url, BATON_HEARTBEAT_MS: "200" };
  await using cluster = await Cluster.start({ certificates, env: shared });
  const stranger = await worker("decode-worker", shared);
  await eventually("the router has said so", async () =>
    cluster.process("router").log.includes("it speaks no TLS, expected BATON_TLS_CERT_FILE there"),
  );
  const answer = await cluster.openai.completions.create({
    model: BABBLE_MODEL,
    prompt: "Hi",
    max_tokens: 5,
  });
  expect(answer.usage?.completion_tokens).toBe(5);
  await stranger.end();
});
