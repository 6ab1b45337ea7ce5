import { expect, test } from "@jest/globals";
import { defineSettings, readConfig, setting, shownSettings } from "./index.ts";

const settings = defineSettings("program", {
  port: setting.port({ flag: "port", env: "BATON_HTTP_PORT", default: 8000, doc: "A port" }),
  name: setting.text({ flag: "name", doc: "A name" }),
  key: setting.secret({ env: "BATON_KEY", doc: "A key" }),
});

test("shownSettings() tells of a secret only whether it is set", () => {
  const shown = (env: Record<string, string>) =>
    shownSettings(settings, readConfig(settings, { argv: ["--name", "x"], env }));
  expect(shown({ BATON_KEY: "hush" })).toEqual({ BATON_HTTP_PORT: 8000, "--name": "x", BATON_KEY: "(set)" });
  expect(shown({})).toEqual({ BATON_HTTP_PORT: 8000, "--name": "x", BATON_KEY: null });
});
