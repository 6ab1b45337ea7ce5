import { lstat, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { prepareModel } from "../compile/prepare-model.ts";
import { readModelFiles } from "../model-files.ts";
import { FakeHub, type HubContent } from "../testing/fake-hub.ts";
import { GOLDEN_EXPORTS } from "../testing/golden-models.ts";
import { writeRandomCheckpoint } from "../testing/random-checkpoint.ts";
import { type TemporaryFolder, temporaryFolder } from "../testing/temporary-folder.ts";
import { hubModelFolder } from "./hub-model.ts";
import { parseModelId } from "./model-id.ts";

const FILES = [
  "config.json",
  "generation_config.json",
  "tokenizer.json",
  "tokenizer_config.json",
  "model.safetensors",
];
const SHARD = "model-00001-of-00001.safetensors";

interface ListedFile {
  readonly path: string;
  readonly lfs?: { readonly oid: string };
}

async function tinyModel(): Promise<HubContent> {
  await using folder = await temporaryFolder();
  await writeRandomCheckpoint(folder.path, {}, 1);
  const entries = FILES.map(async (file) => [file, await readFile(join(folder.path, file))] as const);
  return { ...Object.fromEntries(await Promise.all(entries)), "README.md": Buffer.from("not needed") };
}

/** A hub, an empty cache, and a way to ask for a model. */
async function setUp(change: (content: HubContent) => HubContent = (content) => content) {
  const hub = await FakeHub.start(change(await tinyModel()));
  const cache = await temporaryFolder();
  const progress: { bytes: number; totalBytes: number }[] = [];
  const get = (
    name = "org/tiny",
    options: { hubToken?: string; hubOffline?: boolean; hubUrl?: string } = {},
  ) => {
    const access = {
      hubUrl: hub.url,
      hubToken: undefined,
      hubCache: cache.path,
      hubOffline: false,
      ...options,
    };
    return hubModelFolder(parseModelId(name)!, access, (step) => progress.push(step), [1, 1]);
  };
  return { hub, cache, get, progress, [Symbol.asyncDispose]: () => tearDown(hub, cache) };
}

async function tearDown(hub: FakeHub, cache: TemporaryFolder): Promise<void> {
  await hub[Symbol.asyncDispose]();
  await cache[Symbol.asyncDispose]();
}

describe("A model of the hub", () => {
  test("is downloaded into the shared cache's layout, and can be compiled from there", async () => {
    await using setup = await setUp();
    const { hub, cache, get, progress } = setup;
    const folder = await get();
    expect(folder).toBe(join(cache.path, "models--org--tiny", "snapshots", hub.commit));
    expect((await lstat(join(folder, "model.safetensors"))).isSymbolicLink()).toBe(true);
    expect(await readFile(join(cache.path, "models--org--tiny", "refs", "main"), "utf8")).toBe(hub.commit);
    expect((await readModelFiles(folder, "org/tiny")).name).toBe("org/tiny");
    expect((await prepareModel(folder, { cacheFolder: join(cache.path, "baton") })).vocabSize).toBe(259);
    expect(hub.requests.filter((path) => path.includes("README"))).toEqual([]);
    expect(progress.at(-1)!.bytes).toBe(progress.at(-1)!.totalBytes);
  });

  test("is taken from the cache without asking the hub, the next time and offline", async () => {
    await using setup = await setUp();
    const { hub, get } = setup;
    const folder = await get();
    hub.requests.length = 0;
    expect(await get()).toBe(folder);
    expect(await get("org/tiny", { hubOffline: true })).toBe(folder);
    expect(await get(`org/tiny@${hub.commit}`)).toBe(folder);
    expect(hub.requests).toEqual([]);
  });

  test("is downloaded for another revision, but no file twice", async () => {
    await using setup = await setUp();
    const { hub, get } = setup;
    const folder = await get();
    await rm(folder, { recursive: true });
    hub.requests.length = 0;
    expect(await get("org/tiny@v1")).toBe(folder);
    expect(hub.requests.filter((path) => path.includes("/resolve/"))).toEqual([]);
  });

  test("may have its weights in several files", async () => {
    await using setup = await setUp(({ "model.safetensors": weights, ...rest }) => {
      const map = { weight_map: { "model.norm.weight": SHARD } };
      return { ...rest, [SHARD]: weights!, "model.safetensors.index.json": Buffer.from(JSON.stringify(map)) };
    });
    expect((await lstat(join(await setup.get(), SHARD))).isSymbolicLink()).toBe(true);
  });

  test("may be an ONNX export, of which the most exact form is taken with its data, and no other", async () => {
    const { folder: exported } = GOLDEN_EXPORTS.find(({ name }) => name === "mistral-q4-community")!;
    const file = (path: string) => readFile(join(exported, path));
    const content = {
      "config.json": await file("config.json"),
      "onnx/model_q4.onnx": await file("onnx/model_q4.onnx"),
      "onnx/model.onnx.data": await file("onnx/model.onnx.data"),
      "onnx/model_q4f16.onnx": Buffer.from("not needed"),
    };
    await using setup = await setUp(({ "model.safetensors": _, ...rest }) => ({ ...rest, ...content }));
    const folder = await setup.get();
    expect((await readdir(join(folder, "onnx"))).toSorted()).toEqual(["model.onnx.data", "model_q4.onnx"]);
    const compiled = await prepareModel(folder, { cacheFolder: join(setup.cache.path, "baton") });
    expect(compiled.config.slidingWindow).toBeUndefined();
    expect(await setup.get("org/tiny", { hubOffline: true })).toBe(folder);
  });

  test("is downloaded on after breaks of the connection, from where they happened", async () => {
    await using setup = await setUp();
    const { hub, get } = setup;
    hub.breakAfter = 40_000;
    const bytes = await readFile(join(await get(), "model.safetensors"));
    hub.breakAfter = undefined;
    expect(
      hub.requests.filter((path) => path.startsWith("/storage/model.safetensors#")).length,
    ).toBeGreaterThan(0);
    await rm(setup.cache.path, { recursive: true });
    expect(await readFile(join(await get(), "model.safetensors"))).toEqual(bytes);
  });

  test("is downloaded on by the next process after one gave up", async () => {
    await using setup = await setUp();
    const { hub, get } = setup;
    hub.breakAfter = 0;
    await expect(get()).rejects.toMatchObject({
      code: "unavailable",
      message: expect.stringMatching(
        /^Cannot download "config\.json": it broke off at byte 0 of \d+ .*go on there$/,
      ),
    });
    hub.breakAfter = undefined;
    const tree = (await (await fetch(`${hub.url}/api/models/org/tiny/tree/main`)).json()) as ListedFile[];
    const weights = tree.find(({ path }) => path === "model.safetensors")!;
    const blobs = join(setup.cache.path, "models--org--tiny", "blobs");
    const whole = Buffer.from(await (await fetch(`${hub.url}/storage/model.safetensors`)).arrayBuffer());
    await mkdir(blobs, { recursive: true });
    await writeFile(join(blobs, `${weights.lfs!.oid}.incomplete`), whole.subarray(0, 1000));
    expect(await readFile(join(await get(), "model.safetensors"))).toEqual(whole);
    expect(hub.requests).toContain("/storage/model.safetensors#1000");
  });

  test("is the same when several processes download it at once", async () => {
    await using setup = await setUp();
    const folders = await Promise.all([setup.get(), setup.get(), setup.get()]);
    expect(new Set(folders).size).toBe(1);
    await using once = await setUp();
    const files = [folders[0]!, await once.get()].map((folder) =>
      readFile(join(folder, "model.safetensors")),
    );
    const [together, alone] = await Promise.all(files);
    expect(together!.equals(alone!)).toBe(true);
  });

  test("is refused when its content is not what the hub lists, and can be had once that is right", async () => {
    await using setup = await setUp();
    const { hub, get } = setup;
    hub.corrupt = true;
    await expect(get()).rejects.toMatchObject({
      code: "invalid_argument",
      message: expect.stringMatching(
        /"model\.safetensors": it has hash [0-9a-f]{64}, expected [0-9a-f]{64}$/,
      ),
    });
    hub.corrupt = false;
    await expect(get()).resolves.toContain("snapshots");
  });

  test("that is private needs a token", async () => {
    await using setup = await setUp();
    setup.hub.token = "hf_secret";
    await expect(setup.get()).rejects.toMatchObject({
      code: "permission_denied",
      message: expect.stringMatching(
        /"org\/tiny": the hub answers 401: .*; set HF_TOKEN to a token with access$/,
      ),
    });
    await expect(setup.get("org/tiny", { hubToken: "hf_wrong" })).rejects.toThrow(
      /HF_TOKEN has no access to it/,
    );
    await expect(setup.get("org/tiny", { hubToken: "hf_secret" })).resolves.toContain("snapshots");
  });

  test.each([
    ["org/other", {}, "not_found", /the hub has no such model, or no revision "main"/],
    ["org/tiny@v9", {}, "not_found", /the hub has no such model, or no revision "v9"/],
    [
      "org/tiny",
      { hubOffline: true },
      "not_found",
      /revision "main" is not in the cache ".*", and HF_HUB_OFFLINE forbids/,
    ],
    ["org/tiny", { hubToken: "secret" }, "permission_denied", /HF_TOKEN .*expected it to begin with "hf_"/],
  ])("%s that cannot be had is refused with what to do", async (name, options, code, message) => {
    await using setup = await setUp();
    await expect(setup.get(name, options)).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
    });
  });

  test("is refused with the hub's address when the hub cannot be reached", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    const hubUrl = `http://127.0.0.1:${(server.address() as { port: number }).port}`;
    await new Promise((resolve) => server.close(resolve));
    await using setup = await setUp();
    await expect(setup.get("org/tiny", { hubUrl })).rejects.toMatchObject({
      code: "unavailable",
      message: expect.stringMatching(
        new RegExp(`the hub "${hubUrl}" cannot be reached \\(.*\\), and the model is not in the cache$`),
      ),
    });
  });

  test("without safetensors is refused", async () => {
    await using setup = await setUp(({ "model.safetensors": _, ...rest }) => rest);
    await expect(setup.get()).rejects.toThrow(
      /the hub has no "model\.safetensors" of it, expected weights as/,
    );
  });
});

test.each([
  ["org/name", { name: "org/name", revision: "main" }],
  ["org/name-1.5@refs/pr/3", { name: "org/name-1.5", revision: "refs/pr/3" }],
  ["name", undefined],
  ["/models/llama", undefined],
  ["./a/b", undefined],
  ["a/b/c", undefined],
  ["../b", undefined],
  ["a/b@../../c", undefined],
])("The name %s is read as %j", (text, id) => {
  expect(parseModelId(text)).toEqual(id);
});
