/** node-llama-cpp: one context with a sequence for each request, batched by the library. */
import { getLlama, LlamaLogLevel } from "node-llama-cpp";

export async function load({ model: modelPath, threads, sequences, contextTokens }) {
  const llama = await getLlama({
    gpu: false,
    build: "never",
    skipDownload: true,
    logLevel: LlamaLogLevel.error,
    maxThreads: threads,
  });
  const model = await llama.loadModel({ modelPath });
  const create = (count) =>
    model.createContext({ sequences: count, contextSize: contextTokens, batchSize: 512, threads });
  let size = sequences;
  let context = await create(size);
  let free = Array.from({ length: size }, () => context.getSequence());
  return {
    /** A context for exactly so many sequences, which may be faster than a larger one. */
    async expect(count) {
      if (count === size) return;
      await context.dispose();
      size = count;
      context = await create(count);
      free = Array.from({ length: count }, () => context.getSequence());
    },
    async generate(prompt, maxTokens, onToken) {
      const sequence = free.pop();
      await sequence.clearHistory();
      let count = 0;
      for await (const token of sequence.evaluate(prompt, { temperature: 0, yieldEogToken: true })) {
        onToken(token);
        if (++count === maxTokens) break;
      }
      free.push(sequence);
    },
  };
}
