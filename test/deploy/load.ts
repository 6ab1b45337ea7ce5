/** Clients that keep asking while something happens to the stack. Every answer must be whole. */
import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { collect, post } from "../support/sse.ts";

const CLIENTS = 6;
const TOKENS = 200;
/** Between two requests of a client: the machine is to be busy with what happens, too. */
const PAUSE_MS = 50;

/** Runs `act` under load. @returns the requests that were answered. @throws Error with the first that was not. */
export async function underLoad(url: string, act: () => Promise<unknown>): Promise<number> {
  let going = true;
  let answered = 0;
  const client = async (index: number) => {
    // Once more when it is over: what was the last to happen must be answered after, too.
    for (let turn = 0, last = false; !last; turn++) {
      last = !going;
      await ask(url, `Client ${index} asks for the ${turn}th time`, index % 2 === 0);
      answered += 1;
      await delay(PAUSE_MS);
    }
  };
  // A failure is the result, but `act` goes to its end first: nothing is left half done.
  const clients = Promise.allSettled(Array.from({ length: CLIENTS }, (_, index) => client(index)));
  try {
    await act();
  } finally {
    going = false;
  }
  const failed = (await clients).filter((client) => client.status === "rejected");
  if (failed[0]) throw new Error(`${failed.length} of ${CLIENTS} clients failed: ${failed[0].reason}`);
  return answered;
}

async function ask(url: string, prompt: string, stream: boolean): Promise<void> {
  const sampling = { max_tokens: TOKENS, ignore_eos: true, temperature: 0 };
  const answer = await post(`${url}/v1/completions`, { model: "baton-demo", prompt, stream, ...sampling });
  const payloads = await collect(answer);
  assert.equal(answer.status, 200, payloads[0]);
  if (stream) assert.equal(payloads.at(-1), "[DONE]");
  else assert.equal(JSON.parse(payloads[0]!).usage.completion_tokens, TOKENS);
}
