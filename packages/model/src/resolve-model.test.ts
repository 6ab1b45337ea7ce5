import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { readModelFiles } from "./model-files.ts";
import { resolveModel } from "./resolve-model.ts";
import { FakeHub } from "./testing/fake-hub.ts";
import { temporaryFolder } from "./testing/temporary-folder.ts";

async function resolve(model: string) {
  await using folder = await temporaryFolder();
  await using hub = await FakeHub.start({});
  const access = {
    hubUrl: hub.url,
    hubToken: undefined,
    hubCache: join(folder.path, "hub"),
    hubOffline: true,
  };
  return await resolveModel({ model, ...access });
}

describe("A model's setting", () => {
  test("may be the built-in model", async () => {
    const { name, folder } = await resolve("demo");
    expect(name).toBe("baton-demo");
    expect((await readModelFiles(folder)).name).toBe(name);
  });

  test("may be a folder, which is called by its own name", async () => {
    await using folder = await temporaryFolder();
    expect(await resolve(folder.path)).toMatchObject({
      name: folder.path.split("/").at(-1),
      folder: folder.path,
    });
  });

  test("may be a name on the hub", async () => {
    await expect(resolve("org/tiny")).rejects.toThrow(/revision "main" is not in the cache/);
  });

  test("is refused when it is neither", async () => {
    await expect(resolve("/no/such/folder")).rejects.toMatchObject({
      code: "not_found",
      message:
        'Cannot use model "/no/such/folder": there is no such folder, and it is no name on the hub such as "org/name"',
    });
  });
});
