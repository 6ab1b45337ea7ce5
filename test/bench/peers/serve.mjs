/**
 * A minimal HTTP server around a peer: `node serve.mjs PEER MODEL THREADS SEQUENCES CONTEXT_TOKENS`, with
 * PEER one of llama, transformers, transformers-batches. Prints its port. Prompts are token ids.
 *
 *   POST /run              {prompts, maxTokens} -> {arrivals}: computes all prompts at once, without a byte of HTTP in
 *                          between; ms from the start to each token of each answer
 *   POST /v1/completions   {prompt, max_tokens} -> server-sent events, one for each token
 */
import { createServer } from "node:http";

const [kind, model, threads, sequences, contextTokens] = process.argv.slice(2);
const { load } = await import(kind === "llama" ? "./llama.mjs" : "./transformers.mjs");
const options = { model, threads: Number(threads), batches: kind === "transformers-batches" };
const peer = await load({ ...options, sequences: Number(sequences), contextTokens: Number(contextTokens) });

async function run({ prompts, maxTokens }) {
  await peer.expect(prompts.length);
  const startedAt = performance.now();
  const arrivals = prompts.map(() => []);
  await Promise.all(
    prompts.map((prompt, i) =>
      peer.generate(prompt, maxTokens, () => arrivals[i].push(performance.now() - startedAt)),
    ),
  );
  return { arrivals };
}

async function complete({ prompt, max_tokens }, response) {
  response.writeHead(200, { "content-type": "text/event-stream" });
  let index = 0;
  await peer.generate(prompt, max_tokens, (tokenId) => {
    const choices = [{ index: 0, text: `t${tokenId}`, finish_reason: null }];
    response.write(`data: ${JSON.stringify({ object: "text_completion", index: index++, choices })}\n\n`);
  });
  response.end("data: [DONE]\n\n");
}

async function bodyOf(request) {
  const pieces = [];
  for await (const piece of request) pieces.push(piece);
  return JSON.parse(Buffer.concat(pieces).toString());
}

const server = createServer(async (request, response) => {
  try {
    const body = await bodyOf(request);
    if (request.url === "/run") response.end(JSON.stringify(await run(body)));
    else await complete(body, response);
  } catch (error) {
    process.stderr.write(`${error.stack}\n`);
    response.destroy();
  }
});
server.listen(0, "127.0.0.1", () => process.stdout.write(`${server.address().port}\n`));
process.on("disconnect", () => process.exit());
