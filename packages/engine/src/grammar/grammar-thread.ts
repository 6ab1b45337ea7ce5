/**
 * The program of a grammar thread: compiles one grammar, then finds the masks of every sequence that is to follow it.
 * A thread of its own, because compiling takes up to seconds, and because the library gives up for good on a grammar
 * that it does not like.
 */
import { parentPort, workerData } from "node:worker_threads";
import type { CompiledGrammar } from "@mlc-ai/web-xgrammar";
import type { GrammarThreadData, GrammarThreadReply, GrammarThreadRequest } from "./grammar-protocol.ts";
import { loadXGrammar } from "./load-xgrammar.ts";
import { endMaskChannel, MaskWriter } from "./mask-channel.ts";
import { tokenBytes } from "./token-vocabulary.ts";

const port = parentPort!;
const reply = (message: GrammarThreadReply) => port.postMessage(message);
const said: string[] = [];
const xgrammar = loadXGrammar((line) => said.push(line));

async function compile({ grammar, vocabulary }: GrammarThreadData): Promise<CompiledGrammar> {
  const tokens = tokenBytes(vocabulary);
  // Declared as strings, but bytes are taken as they are. Stop tokens are those of each request.
  const encoded = tokens as unknown as string[];
  const info = await xgrammar.TokenizerInfo.createTokenizerInfo(encoded, "raw", false, tokens.length, []);
  const compiler = await xgrammar.GrammarCompiler.createGrammarCompiler(info, false);
  return compiler.compileGrammar(grammar);
}

/** Takes turns with the sampler until the answer is complete or its channel ends. */
async function follow(compiled: CompiledGrammar, request: GrammarThreadRequest): Promise<void> {
  const { channel, answered, stopTokenIds } = request;
  const writer = new MaskWriter(channel);
  const matcher = await xgrammar.GrammarMatcher.createGrammarMatcher(compiled, [...stopTokenIds]);
  try {
    if (!answered.every((tokenId) => matcher.acceptToken(tokenId))) return;
    for (let accepted = answered.length; !matcher.isTerminated(); accepted++) {
      const chosen = await writer.next(await matcher.getNextTokenBitmask(), accepted);
      if (chosen === undefined || !matcher.acceptToken(chosen)) return;
    }
  } finally {
    endMaskChannel(channel);
    matcher.dispose();
  }
}

/** What the library refuses, it says in a line with the place in its own source, and gives up. */
function fail(reason: unknown): void {
  const refusal = said.findLast((line) => line.includes("[FATAL]"))?.replace(/^.*\.cc:\d+: /s, "");
  reply({ type: "failed", message: refusal ?? (reason as Error).message });
  port.close();
}

compile(workerData as GrammarThreadData).then((compiled) => {
  port.on("message", (request: GrammarThreadRequest) => void follow(compiled, request).catch(fail));
  reply({ type: "compiled" });
}, fail);
