/** The tools of a newcomer, against a real cluster that has no collector: real processes on both sides. */
import { randomUUID } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type OtlpExport, SPAN } from "@baton/tracing";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { runBaton } from "../support/baton-program.ts";
import { Cluster } from "../support/cluster.ts";
import { collect, post } from "../support/sse.ts";

let cluster: Cluster;
let folder: string;
/** A request that is traced, and its trace as a file. */
const id = randomUUID();
let traceFile: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "baton-trace-"));
  cluster = await Cluster.start({ workerArgs: ["--chunk-tokens", "32"] });
  await complete(cluster, id);
  await baton("trace", id); // Waits until all parts have come.
  traceFile = await fileOf(await (await fetch(`${cluster.url}/traces/${id}`)).text());
}, 60_000);

afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

async function complete(of: Cluster, requestId: string, headers: Record<string, string> = {}): Promise<void> {
  const body = { model: "babble", prompt: `${requestId} tells a story`, max_tokens: 8, temperature: 0 };
  const response = await post(`${of.url}/v1/completions`, body, {
    "x-request-id": requestId,
    ...headers,
  });
  await collect(response);
  expect(response.status).toBe(200);
}

function baton(...args: readonly string[]) {
  return runBaton(args, { BATON_URL: cluster.url });
}

async function fileOf(text: string): Promise<string> {
  const path = join(folder, randomUUID());
  await writeFile(path, text);
  return path;
}

describe("baton trace", () => {
  test("--last shows the spans of all processes, and where the time to the first token went", async () => {
    const { code, stdout, stderr } = await baton("trace", "--last");
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toContain(`Req ${id}`);
    for (const name of [
      SPAN.tokenize,
      SPAN.prefillRouting,
      SPAN.prefillLeg,
      SPAN.prefillForward,
      SPAN.prefillTransfer,
      SPAN.decodeLeg,
      SPAN.decodeTransferred,
      SPAN.decodeForward,
    ]) {
      expect(stdout).toMatch(new RegExp(`^ +${name} +(router|prefill-0|decode-0) +[\\d.]+ ms  [ █▏]+$`, "m"));
    }
    expect(stdout).toMatch(/^Time to the first token: [\d.]+ ms$/m);
    expect(stdout).toMatch(/^ {2}prefill forward +[\d.]+ ms +[\d.]+ %$/m);
    expect(stdout).not.toContain("Incomplete");
    expect(stdout).not.toContain("\u001b");
  });

  test("shows a trace by its own id as well, and lists the last ones", async () => {
    const { stdout: list } = await baton("trace");
    expect(list).toMatch(new RegExp(`ms +\\d+ spans +success +${id}$`, "m"));
    const { data } = (await (await fetch(`${cluster.url}/traces`)).json()) as { data: { id: string }[] };
    const byTrace = await baton("trace", data[0]!.id);
    expect(byTrace.stdout).toBe((await baton("trace", id)).stdout);
  });

  test("says that a trace is not there", async () => {
    const { code, stderr } = await baton("trace", "nowhere");
    expect(code).toBe(1);
    expect(stderr).toMatch(/^Cannot find the trace "nowhere": it is not complete yet, was evicted .*\n$/);
  });

  test("says that there is no router, and what to do", async () => {
    const { code, stderr } = await runBaton(["trace", "--last", "--url", "http://127.0.0.1:1"]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^Cannot reach the router at "http:\/\/127.0.0.1:1": .*npm start.*\n$/);
  });

  test("keeps nothing, and says so, where traces are not kept", async () => {
    await using off = await Cluster.start({ env: { BATON_TRACE_STORE: "off" } });
    await complete(off, randomUUID());
    const { code, stderr } = await runBaton(["trace", "--last", "--url", off.url]);
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringContaining("this router keeps none"),
    });
  });

  test("a router that is gone disturbs no worker, and no worker complains of lost spans", async () => {
    await using other = await Cluster.start();
    await complete(other, randomUUID());
    await other.end("router", "SIGKILL");
    const codes = await Promise.all(other.workers.map((name) => other.end(name)));
    expect(codes).toEqual(other.workers.map(() => 0));
    for (const name of other.workers) expect(other.process(name).log).not.toMatch(/trace|span|export/i);
  });
});

describe("GET /traces", () => {
  const get = (path: string) => fetch(`${cluster.url}${path}`);

  test("gives of a trace that a client put several requests into the one that is asked for", async () => {
    const traceId = randomUUID().replaceAll("-", "");
    const headers = { traceparent: `00-${traceId}-${"1".repeat(16)}-01` };
    const ids = [randomUUID(), randomUUID()];
    for (const each of ids) await complete(cluster, each, headers);
    for (const each of ids) expect((await baton("trace", each)).stdout.match(/^Req /gm)).toHaveLength(1);
    const whole = await (await get(`/traces/${traceId}`)).text();
    for (const each of ids) expect(whole).toContain(`Req ${each}`);
  });

  test("lists as many as asked for, and refuses a limit that is none", async () => {
    expect(await (await get("/traces?limit=1")).json()).toMatchObject({ data: [{ outcome: "success" }] });
    const refused = await get("/traces?limit=0");
    expect(refused.status).toBe(400);
    expect(await refused.text()).toContain("expected a whole number from 1 to 1000");
  });
});

describe("baton trace check", () => {
  test("finds nothing wrong with the traces of the cluster, one or many to a file", async () => {
    const line = JSON.stringify(JSON.parse(await readFile(traceFile, "utf8")));
    const lines = await fileOf(`${line}\n\n${line.replaceAll(/"traceId":"./g, '"traceId":"x')}\n`);
    expect(await baton("trace", "check", lines)).toEqual({
      code: 0,
      stdout: "Traces checked: 2, with violations: 0\n",
      stderr: "",
    });
    const indented = await fileOf(JSON.stringify(JSON.parse(line), undefined, 2));
    expect(await baton("trace", "check", indented)).toMatchObject({ code: 0 });
  });

  interface SeededSpan {
    name: string;
    parentSpanId?: string;
    endTimeUnixNano: string;
  }

  test.each<[string, (spans: SeededSpan[]) => SeededSpan[]]>([
    ["orphan", (spans) => spans.filter(({ name }) => name !== SPAN.prefillForward)],
    ["no_root", (spans) => spans.filter(({ name }) => !name.startsWith("Req "))],
    [
      "outside_parent",
      (spans) =>
        spans.map((span) =>
          span.name === SPAN.tokenize
            ? { ...span, endTimeUnixNano: `${BigInt(span.endTimeUnixNano) + 3_600_000_000_000n}` }
            : span,
        ),
    ],
  ])("finds a seeded %s, and shows the tree", async (kind, spoil) => {
    const message = JSON.parse(await readFile(traceFile, "utf8")) as OtlpExport;
    const resourceSpans = message.resourceSpans!.map((part) => ({
      ...part,
      scopeSpans: part.scopeSpans!.map(({ spans }) => ({ spans: spoil(spans as SeededSpan[]) })),
    }));
    const { code, stdout } = await baton("trace", "check", await fileOf(JSON.stringify({ resourceSpans })));
    expect(code).toBe(1);
    expect(stdout).toMatch(new RegExp(`^ {2}${kind}: `, "m"));
    expect(stdout).toContain(SPAN.decodeForward);
  });

  test("says which line of which file it cannot read", async () => {
    const good = JSON.stringify(JSON.parse(await readFile(traceFile, "utf8")));
    const file = await fileOf(`${good}\n{"nothing": true}\n`);
    const { code, stderr } = await baton("trace", "check", file);
    expect(code).toBe(1);
    expect(stderr).toBe(
      `Cannot read "${file}, line 2": it has no "resourceSpans", expected traces as OTLP JSON\n`,
    );
    expect((await baton("trace", "check", join(folder, "missing"))).stderr).toContain("ENOENT");
    expect((await baton("trace", "check")).stderr).toBe("Cannot use 0 of FILE: expected 1 or more\n");
  });
});

test("baton trace perfetto writes a file whose slices, rows and arrows hold together", async () => {
  const output = join(folder, "trace.json");
  expect(await baton("trace", "perfetto", traceFile, "-o", output)).toMatchObject({ code: 0, stderr: "" });
  interface Event {
    ph: string;
    name: string;
    pid: number;
    id?: number;
    ts?: number;
    dur?: number;
    args?: { name?: string };
  }
  const { traceEvents } = JSON.parse(await readFile(output, "utf8")) as { traceEvents: Event[] };
  const named = (name: string) => traceEvents.filter((event) => event.ph === "M" && event.name === name);
  expect(
    named("process_name")
      .map(({ args }) => args?.name?.split(" ")[0])
      .sort(),
  ).toEqual(["baton-decode-worker", "baton-prefill-worker", "baton-router"]);
  const starts = traceEvents.filter(({ ph }) => ph === "s");
  const ends = new Map(traceEvents.filter(({ ph }) => ph === "f").map((event) => [event.id, event]));
  expect(starts.length).toBeGreaterThan(2);
  expect(ends.size).toBe(starts.length);
  for (const start of starts) expect(ends.get(start.id)!.ts).toBeGreaterThanOrEqual(start.ts!);
  const slices = traceEvents.filter(({ ph }) => ph === "X");
  expect(slices.every(({ ts, dur }) => ts! >= 0 && dur! > 0)).toBe(true);
  expect(slices.map(({ name }) => name)).toContain(SPAN.decodeForward);
});
