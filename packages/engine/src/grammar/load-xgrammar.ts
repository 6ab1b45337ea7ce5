/**
 * Owns how XGrammar's WebAssembly build gets into Node. It is a script for browsers and for CommonJS in a package that
 * calls itself an ES module, so Node cannot import it; here it is run as the CommonJS module that it is.
 */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { compileFunction } from "node:vm";
import type { GrammarCompiler, GrammarMatcher, TokenizerInfo } from "@mlc-ai/web-xgrammar";

/** The part of it that is used. */
export interface XGrammar {
  readonly TokenizerInfo: typeof TokenizerInfo;
  readonly GrammarCompiler: typeof GrammarCompiler;
  readonly GrammarMatcher: typeof GrammarMatcher;
}

const DYNAMIC_IMPORT = "await import('module')";

/** @param log hears what it would write to the console: why it refused a grammar, for one */
export function loadXGrammar(log: (line: string) => void): XGrammar {
  const require = createRequire(import.meta.url);
  const file = require.resolve("@mlc-ai/web-xgrammar");
  // Such an import would need a module loader of its own in here.
  const source = readFileSync(file, "utf8").replace(DYNAMIC_IMPORT, "require('module')");
  const run = compileFunction(source, ["module", "exports", "require", "__filename", "console"], {
    filename: file,
  });
  const exports = {};
  run({ exports }, exports, require, file, { log, warn: log, error: log });
  return exports as XGrammar;
}
