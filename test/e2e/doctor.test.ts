/** `baton doctor` against set-ups that are right and wrong; every part is a real process or server. */
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { runBaton } from "../support/baton-program.ts";
import { Cluster, TEST_CACHE } from "../support/cluster.ts";
import { type OtlpReceiver, startOtlpReceiver } from "../support/otlp-receiver.ts";
import { ServiceProcess, sourceOf } from "../support/service-process.ts";

let cluster: Cluster;
let receiver: OtlpReceiver;

beforeAll(async () => {
  receiver = await startOtlpReceiver({ protocol: "both" });
  cluster = await Cluster.start();
}, 60_000);

afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
  await receiver?.stop();
});

function doctor(...args: readonly string[]) {
  return runBaton(["doctor", "--url", cluster.url, ...args]);
}

test("finds everything well with a cluster that is", async () => {
  const { code, stdout } = await doctor();
  expect({ code, stdout }).toEqual({ code: 0, stdout: expect.not.stringMatching(/^fail/m) });
  expect(stdout).toMatch(/^ok +settings/m);
  expect(stdout).toMatch(/^ok +router +ready, disaggregated$/m);
  expect(stdout).toMatch(/^ok +workers +2, all of model "babble"$/m);
  expect(stdout).toMatch(
    /^(ok|warn) +worker +prefill-0.* its clock is [\d.]+ ± [\d.]+ ms (ahead of|behind) the router's/m,
  );
  expect(stdout).toMatch(/^ok +traces/m);
});

describe("a collector", () => {
  const endpointOf = (transport: string) =>
    transport === "grpc" ? receiver.grpcEndpoint : receiver.httpEndpoint;

  test.each(["grpc", "http/protobuf"])("that takes a test span over %s is well", async (protocol) => {
    receiver.clear();
    const endpoint = endpointOf(protocol);
    const { code, stdout } = await doctor("--otlp-endpoint", endpoint, "--otlp-protocol", protocol);
    expect(stdout).toContain(`it took a test span over ${protocol}`);
    expect(code).toBe(0);
    expect(receiver.spans().map(({ name }) => name)).toEqual(["baton doctor"]);
  });

  test.each([
    ["grpc", "http/protobuf"],
    ["http/protobuf", "grpc"],
  ])("that is spoken to in %s on its port for %s is named, with what to set", async (spoken, listening) => {
    const { code, stdout } = await doctor(
      "--otlp-endpoint",
      endpointOf(listening),
      "--otlp-protocol",
      spoken,
    );
    expect(code).toBe(1);
    expect(stdout).toMatch(new RegExp(`^fail +collector +it speaks ${listening}, not ${spoken}$`, "m"));
    expect(stdout).toContain(`OTEL_EXPORTER_OTLP_TRACES_PROTOCOL=${listening}`);
  });

  test("that is not there is named", async () => {
    const { code, stdout } = await doctor("--otlp-endpoint", "http://127.0.0.1:1");
    expect(code).toBe(1);
    expect(stdout).toMatch(/^fail +collector +cannot reach "http:\/\/127.0.0.1:1": .*ECONNREFUSED/m);
  });
});

test("names every setting that is wrong", async () => {
  const env = { BATON_TRACE_LEVEL: "7", OTEL_EXPORTER_OTLP_ENDPOINT: "tempo:4317" };
  const { code, stdout } = await runBaton(["doctor", "--url", cluster.url], env);
  expect(code).toBe(1);
  expect(stdout).toMatch(/^fail +settings +Cannot set --trace-level \(BATON_TRACE_LEVEL\) to "7"/m);
  expect(stdout).toMatch(/^fail +settings +Cannot set --otlp-endpoint .* to "tempo:4317"/m);
});

test("says that no router is there, and still looks at the collector", async () => {
  const { code, stdout } = await runBaton(["doctor", "--url", "http://127.0.0.1:1"]);
  expect(code).toBe(1);
  expect(stdout).toMatch(/^fail +router +Cannot reach the router/m);
  expect(stdout).toMatch(/^ok +collector/m);
});

test("says that a server is no router", async () => {
  const { code, stdout } = await runBaton(["doctor", "--url", receiver.httpEndpoint]);
  expect(code).toBe(1);
  expect(stdout).toMatch(/^fail +router +Cannot use .* it answers 404 to GET \/health/m);
});

test("says which workers a router misses", async () => {
  const args = ["--port", "0", "--registry-port", "0", "--trace-store", "off"];
  const router = await ServiceProcess.start(sourceOf("router"), args, { BATON_CACHE: TEST_CACHE });
  try {
    const { code, stdout } = await runBaton(["doctor", "--url", `http://${router.addresses.http}`]);
    expect(code).toBe(1);
    expect(stdout).toMatch(/^fail +router +not ready: there is no prefill worker and no decode worker$/m);
    expect(stdout).toMatch(/^warn +traces/m);
  } finally {
    await router.end();
  }
});

test("says that a worker does not answer", async () => {
  const { child } = cluster.process("prefill-0");
  child.kill("SIGSTOP");
  try {
    const { code, stdout } = await doctor();
    expect(code).toBe(1);
    expect(stdout).toMatch(/^fail +worker +prefill-0: it does not answer/m);
  } finally {
    child.kill("SIGCONT");
  }
});
