/** Documents say what the code does: settings and tracing tables, and links to files that exist. */
import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { ROOT, tableIn } from "../support/markdown-table.ts";
import { rowsIn, SETTINGS_DOCUMENTS, settingsRows } from "../support/settings-table.ts";
import { TRACING_GUIDE, TRACING_TABLES } from "../support/tracing-tables.ts";

test.each(SETTINGS_DOCUMENTS)(
  "the settings table of %s is that of the code (`node --run docs` writes it)",
  (document, definition) => {
    expect(rowsIn(document)).toEqual(settingsRows(definition));
  },
);

test.each(TRACING_TABLES)(
  "the table of $what in the tracing guide is that of the code (`node --run docs` writes it)",
  ({ head, table }) => {
    expect(tableIn(TRACING_GUIDE, head)).toEqual(table());
  },
);

describe("links between files", () => {
  const documents = globSync("**/*.md", { cwd: ROOT, exclude: (name) => name === "node_modules" });

  test.each(documents)("of %s lead to files that exist", (document) => {
    const text = readFileSync(join(ROOT, document), "utf8");
    const targets = [...text.matchAll(/\]\(([^)#\s]+)(#[^)]*)?\)/g)].map((match) => match[1]!);
    const missing = targets
      .filter((target) => !/^[a-z]+:/.test(target))
      .filter((target) => !existsSync(join(ROOT, dirname(document), target)));
    expect(missing).toEqual([]);
  });
});
