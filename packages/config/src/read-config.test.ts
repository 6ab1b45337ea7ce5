import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { ConfigError } from "./config-error.ts";
import { defineSettings } from "./define-settings.ts";
import { formatHelp } from "./format-help.ts";
import { readConfig } from "./read-config.ts";
import { setting } from "./setting.ts";

const definition = defineSettings("router", {
  httpPort: setting.port({ flag: "port", env: "BATON_HTTP_PORT", default: 8000, doc: "Port" }),
  workers: setting.integer({ flag: "workers", min: 1, max: 64, default: 1, doc: "Workers" }),
  mode: setting.choice({
    flag: "mode",
    env: "BATON_MODE",
    choices: ["split", "joined"],
    default: "split",
    doc: "Mode",
  }),
  level: setting.choice({ flag: "level", choices: [0, 1, 2], default: 2, doc: "Level" }),
  memory: setting.bytes({ flag: "memory", env: "BATON_MEMORY", default: 2 ** 20, doc: "Memory" }),
  endpoint: setting.url({ flag: "endpoint", env: ["SPECIFIC_ENDPOINT", "ENDPOINT"], doc: "Endpoint" }),
  timeoutMs: setting.milliseconds({ flag: "timeout-ms", default: 100, doc: "Timeout" }),
  registry: setting.address({ flag: "registry", default: "127.0.0.1:8001", doc: "Registry" }),
  folder: setting.folder({ flag: "folder", doc: "Folder" }),
  verbose: setting.toggle({ flag: "verbose", env: "BATON_VERBOSE", doc: "Verbose" }),
  secret: setting.secret({ env: "BATON_SECRET", doc: "Secret" }),
  kept: setting.quota({ flag: "kept", max: 10, default: 0, doc: "Kept" }),
});

function read(argv: readonly string[], env: Record<string, string> = {}) {
  return readConfig(definition, { argv, env });
}

function problemsOf(argv: readonly string[], env: Record<string, string> = {}): readonly string[] {
  try {
    read(argv, env);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

describe("readConfig", () => {
  test("gives every default when nothing is set, frozen", () => {
    const config = read([]);
    expect(config).toEqual({
      httpPort: 8000,
      workers: 1,
      mode: "split",
      level: 2,
      memory: 1_048_576,
      endpoint: undefined,
      timeoutMs: 100,
      registry: "127.0.0.1:8001",
      folder: undefined,
      verbose: false,
      secret: undefined,
      kept: 0,
    });
    expect(Object.isFrozen(config)).toBe(true);
  });

  test("prefers a flag to the environment and the environment to the default", () => {
    expect(read([], { BATON_HTTP_PORT: "9000" }).httpPort).toBe(9000);
    expect(read(["--port", "9001"], { BATON_HTTP_PORT: "9000" }).httpPort).toBe(9001);
  });

  test("reads a value after a space and after an equals sign, and the last of several", () => {
    expect(read(["--mode=joined", "--level", "0"])).toMatchObject({ mode: "joined", level: 0 });
    expect(read(["--port", "1", "--port=2"]).httpPort).toBe(2);
  });

  test("takes the first variable that is set, and an empty one as absent", () => {
    const env = { SPECIFIC_ENDPOINT: "", ENDPOINT: "http://b:4317" };
    expect(read([], env).endpoint).toBe("http://b:4317");
    expect(read([], { ...env, SPECIFIC_ENDPOINT: "http://a:4317" }).endpoint).toBe("http://a:4317");
  });

  test("reads a toggle with and without a value, and does not swallow what follows", () => {
    expect(read(["--verbose", "--port", "1"])).toMatchObject({ verbose: true, httpPort: 1 });
    expect(read(["--verbose=false"], { BATON_VERBOSE: "1" }).verbose).toBe(false);
    expect(problemsOf(["--verbose", "yes"])).toHaveLength(1);
  });

  test("reads bytes with and without a unit", () => {
    expect(read(["--memory", "64KiB"]).memory).toBe(65_536);
    expect(read(["--memory", "2 GiB"]).memory).toBe(2 ** 31);
    expect(read(["--memory", "1048577"]).memory).toBe(1_048_577);
  });

  test("reads how many to keep, and none as off", () => {
    expect(["off", "1", "10"].map((text) => read(["--kept", text]).kept)).toEqual([0, 1, 10]);
    expect(problemsOf(["--kept", "0"])).toEqual([
      'Cannot set --kept to "0": expected "off", or a whole number from 1 to 10',
    ]);
  });

  test("expands a leading ~ in a folder", () => {
    expect(read(["--folder", "~/models"], { HOME: "/home/ada" }).folder).toBe("/home/ada/models");
  });

  test("reports every problem at once, naming setting, value and what is accepted", () => {
    const argv = [
      "--port",
      "70000",
      "--prot",
      "8",
      "extra",
      "--workers=0",
      "--endpoint",
      "tempo:4317",
      "--level",
      "9",
    ];
    expect(problemsOf(argv, { BATON_MODE: "both", BATON_MEMORY: "lots" })).toEqual([
      'Cannot use "--prot": there is no such setting, did you mean "--port"?',
      'Cannot use "extra": expected only settings such as --name value',
      'Cannot set --port (BATON_HTTP_PORT) to "70000": expected a port from 0 to 65535',
      'Cannot set --workers to "0": expected a whole number from 1 to 64',
      'Cannot set --mode (BATON_MODE) to "both": expected one of split, joined',
      'Cannot set --level to "9": expected one of 0, 1, 2',
      'Cannot set --memory (BATON_MEMORY) to "lots": expected bytes, for example "256MiB" (units B, KiB, MiB, GiB)',
      'Cannot set --endpoint (SPECIFIC_ENDPOINT, ENDPOINT) to "tempo:4317": expected a URL such as "http://127.0.0.1:4317"',
    ]);
  });

  test("reports a flag without its value, at the end and before another flag", () => {
    const missing =
      "Cannot set --port (BATON_HTTP_PORT): the value is missing, expected a port from 0 to 65535";
    expect(problemsOf(["--port"])).toEqual([missing]);
    expect(problemsOf(["--port", "--verbose"])).toEqual([missing]);
  });

  test("points to --help where nothing similar exists", () => {
    expect(problemsOf(["--zzzzzz"])).toEqual([
      'Cannot use "--zzzzzz": there is no such setting, --help lists them',
    ]);
  });

  test("refuses numbers that only look like one", () => {
    for (const text of ["", " 1", "1e3", "0x10", "1.5", "NaN", "99999999999999999999"]) {
      expect(problemsOf([`--workers=${text}`])).toHaveLength(1);
      expect(problemsOf([`--timeout-ms=${text}`])).toHaveLength(1);
    }
    for (const text of ["0", "1.5GiB", "1MB", "-1", "9999999999GiB"]) {
      expect(problemsOf([`--memory=${text}`])).toHaveLength(1);
    }
    for (const text of ["8001", "host", "host:0", "host:65536", "a:b:1", ":1"]) {
      expect(problemsOf([`--registry=${text}`])).toHaveLength(1);
    }
  });

  test("never shows a secret, neither as an argument's value nor in an error", () => {
    expect(read([], { BATON_SECRET: "swordfish" }).secret).toBe("swordfish");
    expect(problemsOf(["--port", "x"], { BATON_SECRET: "swordfish" }).join()).not.toContain("swordfish");
  });

  describe("a secret from a file", () => {
    const folder = mkdtempSync(join(tmpdir(), "baton-config-"));
    afterAll(() => rmSync(folder, { recursive: true }));
    const fileWith = (content: string) => {
      const file = join(folder, "secret");
      writeFileSync(file, content);
      return file;
    };

    test("is read without the line breaks at its end", () => {
      for (const content of ["swordfish", "swordfish\n", "swordfish\r\n\n"]) {
        expect(read([], { BATON_SECRET_FILE: fileWith(content) }).secret).toBe("swordfish");
      }
      expect(read([], { BATON_SECRET_FILE: fileWith(" two\nlines \n") }).secret).toBe(" two\nlines ");
    });

    test("is refused beside the variable itself, and taken beside an empty one", () => {
      const file = fileWith("swordfish");
      expect(problemsOf([], { BATON_SECRET: "x", BATON_SECRET_FILE: file })).toEqual([
        "Cannot set BATON_SECRET: BATON_SECRET_FILE is set too, expected one of them",
      ]);
      expect(read([], { BATON_SECRET: "", BATON_SECRET_FILE: file }).secret).toBe("swordfish");
    });

    test("is one problem among the others if the file cannot be used", () => {
      const missing = join(folder, "missing");
      expect(problemsOf(["--port", "x"], { BATON_SECRET_FILE: missing })).toEqual([
        expect.stringContaining("--port"),
        `Cannot use the file "${missing}" of BATON_SECRET_FILE: it cannot be read (ENOENT)`,
      ]);
      expect(problemsOf([], { BATON_SECRET_FILE: fileWith("\n") })[0]).toContain("it is empty");
      expect(problemsOf([], { BATON_SECRET_FILE: folder })[0]).toContain("it cannot be read (EISDIR)");
      expect(problemsOf([], { BATON_SECRET_FILE: fileWith("x".repeat(2 ** 20 + 1)) })[0]).toContain(
        "too large",
      );
    });

    test("does not exist for what is no secret", () => {
      expect(read([], { BATON_MEMORY_FILE: fileWith("1GiB") }).memory).toBe(2 ** 20);
    });
  });

  test("says what a secret with a form lacks, as its parser does, and shows nothing of it", () => {
    const keys = setting.secretForm({
      env: "BATON_KEYS",
      accepts: "keys",
      doc: "Keys",
      parse: (text) => {
        if (text.includes(" ")) throw new ConfigError(["line 1: there is a space"]);
        return text.split(",");
      },
    });
    const own = defineSettings("x", { keys });
    expect(readConfig(own, { argv: [], env: {} }).keys).toBeUndefined();
    expect(readConfig(own, { argv: [], env: { BATON_KEYS: "a,b" } }).keys).toEqual(["a", "b"]);
    expect(() => readConfig(own, { argv: [], env: { BATON_KEYS: "a b" } })).toThrow(
      new ConfigError(["Cannot set BATON_KEYS, BATON_KEYS_FILE: line 1: there is a space"]),
    );
  });

  test("either reads any command line or reports problems, and never throws anything else", () => {
    const word = fc.oneof(
      fc.string(),
      fc.constantFrom("--port", "--port=1", "--verbose", "--memory", "1", "--", "-", "--=", "--help"),
    );
    fc.assert(
      fc.property(fc.array(word, { maxLength: 8 }), (argv) => {
        expect(Array.isArray(problemsOf(argv))).toBe(true);
      }),
    );
  });

  test("reads back every port as it was given", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 65_535 }), (port) => {
        expect(read(["--port", String(port)]).httpPort).toBe(port);
      }),
    );
  });
});

describe("operands", () => {
  const withFiles = (max: number) =>
    defineSettings(
      "read",
      { output: setting.text({ flag: "output", short: "o", doc: "Output" }) },
      { name: "FILE", doc: "Files", min: 1, max },
    );
  const readFiles = (argv: readonly string[], max = 2) => readConfig(withFiles(max), { argv, env: {} });

  test("are the words that belong to no flag, wherever they stand", () => {
    expect(readFiles(["a", "-o", "out", "b"])).toEqual({ output: "out", operands: ["a", "b"] });
    expect(readFiles(["--output=out", "a"])).toEqual({ output: "out", operands: ["a"] });
  });

  test("are counted", () => {
    expect(() => readFiles([])).toThrow("Cannot use 0 of FILE: expected 1 to 2");
    expect(() => readFiles(["a", "b", "c"])).toThrow("Cannot use 3 of FILE: expected 1 to 2");
    expect(() => readFiles([], Number.POSITIVE_INFINITY)).toThrow("expected 1 or more");
    expect(() => readFiles(["a", "b"], 1)).toThrow("expected 1");
  });

  test("stand in the help, and so does a flag's letter", () => {
    const help = formatHelp(withFiles(2));
    expect(help).toContain("Usage: read FILE… [settings]");
    expect(help).toMatch(/^ {2}FILE +Files$/m);
    expect(help).toMatch(/^ {2}-o, --output +Output$/m);
  });

  test("are problems where a program has none, and unknown letters always are", () => {
    expect(problemsOf(["a"])).toHaveLength(1);
    expect(() => readFiles(["a", "-x"])).toThrow('Cannot use "-x": there is no such setting');
  });
});

describe("defineSettings", () => {
  test("refuses two settings with one flag or variable, and a setting that nobody can give", () => {
    const one = setting.port({ flag: "port", doc: "Port" });
    expect(() => defineSettings("p", { one, two: one })).toThrow(/two.*--port is already taken/);
    expect(() => defineSettings("p", { one: setting.port({ flag: "help", doc: "Port" }) })).toThrow(/--help/);
    expect(() => defineSettings("p", { one: setting.port({ doc: "Port" }) })).toThrow(/a flag or a variable/);
  });
});
