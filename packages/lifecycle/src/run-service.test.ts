import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, test } from "@jest/globals";
import { EXIT_CODE } from "./contract.ts";

const FIXTURE = fileURLToPath(new URL("../fixtures/service.ts", import.meta.url));
const children: ChildProcess[] = [];

afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
});

function start(...args: readonly string[]) {
  const child = spawn(process.execPath, [FIXTURE, ...args], { stdio: ["ignore", "pipe", "pipe", "ipc"] });
  children.push(child);
  const output = { stdout: "", stderr: "" };
  child.stdout!.on("data", (chunk) => (output.stdout += chunk));
  child.stderr!.on("data", (chunk) => (output.stderr += chunk));
  // Not the child's own "close": it never comes once the IPC channel is disconnected.
  const ends = [once(child, "exit"), once(child.stdout!, "close"), once(child.stderr!, "close")];
  const closed = Promise.all(ends).then(() => ({
    code: child.exitCode,
    signal: child.signalCode,
    ...output,
  }));
  return { child, closed };
}

async function ready(child: ChildProcess): Promise<unknown> {
  return (await once(child, "message"))[0];
}

describe("runService()", () => {
  test("reports its addresses once it is ready", async () => {
    const { child } = start("runs");
    expect(await ready(child)).toEqual({
      type: "ready",
      addresses: { grpc: expect.stringMatching(/^127[.]0[.]0[.]1:\d+$/) },
    });
  });

  test.each(["SIGTERM", "SIGINT"] as const)(
    "%s closes it, flushes and exits with 0, once",
    async (signal) => {
      const { child, closed } = start("runs");
      await ready(child);
      child.kill(signal);
      child.kill(signal);
      expect(await closed).toMatchObject({ code: EXIT_CODE.ok, stdout: "flushed\n" });
    },
  );

  test("a service that is told to stop over its own API ends like one that gets a signal", async () => {
    expect(await start("told-to-stop").closed).toMatchObject({ code: EXIT_CODE.ok, stdout: "flushed\n" });
  });

  test("a supervisor that disappears ends it too", async () => {
    const { child, closed } = start("runs");
    await ready(child);
    child.disconnect();
    expect(await closed).toMatchObject({ code: EXIT_CODE.ok, stdout: "flushed\n" });
  });

  test("its own failure ends it with a failure code, flushed", async () => {
    expect(await start("fails").closed).toMatchObject({ code: EXIT_CODE.failed, stdout: "flushed\n" });
  });

  test("an error while starting ends it with a failure code", async () => {
    expect(await start("refuses-to-start").closed).toMatchObject({
      code: EXIT_CODE.failed,
      stdout: "flushed\n",
    });
  });

  test("a close that hangs is cut short", async () => {
    const { child, closed } = start("never-closes");
    await ready(child);
    child.kill("SIGTERM");
    expect(await closed).toMatchObject({ code: EXIT_CODE.failed, stdout: "flushed\n" });
  });

  test("a port in use is one line that names the port", async () => {
    const holder = createServer().listen(0, "127.0.0.1");
    await once(holder, "listening");
    const { port } = holder.address() as { port: number };
    const result = await start("port-in-use", String(port)).closed;
    holder.close();
    expect(result).toMatchObject({
      code: EXIT_CODE.addressInUse,
      stderr: `Cannot listen on 127.0.0.1:${port}: the port is already in use\n`,
    });
  });
});
