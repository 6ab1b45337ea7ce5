import { spawnSync } from "node:child_process";
import { describe, expect, test } from "@jest/globals";

const index = new URL("./index.ts", import.meta.url).href;
const program = `
  import { configOrExit, defineSettings, setting } from "${index}";
  const definition = defineSettings("demo", {
    port: setting.port({ flag: "port", env: "DEMO_PORT", default: 8000, doc: "Port" }),
  });
  console.log(JSON.stringify(configOrExit(definition)));
`;

function run(args: readonly string[], env: Record<string, string> = {}) {
  const argv = ["--input-type=module", "--eval", program, "--", "demo", ...args];
  const { status, stdout, stderr } = spawnSync(process.execPath, argv, { env, encoding: "utf8" });
  return { status, stdout, stderr };
}

describe("configOrExit", () => {
  test("reads the arguments and the environment of the process", () => {
    expect(run([], { DEMO_PORT: "9000" })).toEqual({ status: 0, stdout: '{"port":9000}\n', stderr: "" });
    expect(run(["--port", "1"], { DEMO_PORT: "9000" }).stdout).toBe('{"port":1}\n');
  });

  test("prints the help and the version and exits with 0", () => {
    expect(run(["--help"])).toMatchObject({ status: 0, stdout: expect.stringContaining("Usage: demo") });
    expect(run(["--version"])).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/),
    });
  });

  test("prints one problem per line on stderr and exits with 2", () => {
    const { status, stdout, stderr } = run(["--prt", "1"], { DEMO_PORT: "x" });
    expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
    expect(stderr.trimEnd().split("\n")).toEqual([
      'Cannot use "--prt": there is no such setting, did you mean "--port"?',
      'Cannot set --port (DEMO_PORT) to "x": expected a port from 0 to 65535',
    ]);
  });
});
