/**
 * transformers.js: it has no continuous batching. So requests are computed one after the other, or, if `batches`, those
 * that wait while it is idle as one padded batch, which is more than a server around it would usually do.
 */
import { basename, dirname } from "node:path";
import { AutoModelForCausalLM, env, Tensor } from "@huggingface/transformers";

/** Time in which requests that belong together arrive. */
const GATHER_MS = 5;

export async function load({ model: folder, threads, batches }) {
  env.allowRemoteModels = false;
  env.localModelPath = `${dirname(folder)}/`;
  const model = await AutoModelForCausalLM.from_pretrained(basename(folder), {
    dtype: "q4",
    session_options: { intraOpNumThreads: threads, interOpNumThreads: 1 },
  });
  const waiting = [];
  let busy = false;

  async function work() {
    busy = true;
    await new Promise((resolve) => setTimeout(resolve, GATHER_MS));
    while (waiting.length > 0) {
      const batch = waiting.splice(0, batches ? waiting.length : 1);
      await generateBatch(model, batch);
      for (const { done } of batch) done();
    }
    busy = false;
  }

  return {
    async expect() {},
    generate(prompt, maxTokens, onToken) {
      return new Promise((done) => {
        waiting.push({ prompt, maxTokens, onToken, done });
        if (!busy) void work();
      });
    },
  };
}

async function generateBatch(model, batch) {
  const length = Math.max(...batch.map(({ prompt }) => prompt.length));
  const newTokens = Math.max(...batch.map(({ maxTokens }) => maxTokens));
  const ids = new BigInt64Array(batch.length * length);
  const mask = new BigInt64Array(batch.length * length);
  for (const [row, { prompt }] of batch.entries()) {
    ids.set(prompt.map(BigInt), (row + 1) * length - prompt.length);
    mask.fill(1n, (row + 1) * length - prompt.length, (row + 1) * length);
  }
  let step = -1; // The prompt comes first.
  const streamer = {
    put(tokens) {
      if (step >= 0) {
        for (const [row, { maxTokens, onToken }] of batch.entries()) {
          if (step < maxTokens) onToken(Number(tokens[row].at(-1)));
        }
      }
      step++;
    },
    end() {},
  };
  const dims = [batch.length, length];
  await model.generate({
    input_ids: new Tensor("int64", ids, dims),
    attention_mask: new Tensor("int64", mask, dims),
    max_new_tokens: newTokens,
    min_new_tokens: newTokens,
    do_sample: false,
    eos_token_id: null,
    streamer,
  });
}
