/**
 * Sends requests to a router, a few at a time and for as long as it lives: `node load.mjs http://router:8000`. Where the
 * router asks for keys, with the first one of BATON_API_KEYS_FILE.
 */
import { readFileSync } from "node:fs";

const [router] = process.argv.slice(2);
const CLIENTS = 3;
const PAUSE_MS = 500;
const PROMPTS = ["Tell me a story about a relay race.", "What is a baton?", "Name three rivers.", "Hello!"];

const keys = process.env.BATON_API_KEYS_FILE;
const key = keys && /^[^#\s,]+/m.exec(readFileSync(keys, "utf8"))?.[0];
const headers = { "content-type": "application/json", ...(key && { authorization: `Bearer ${key}` }) };

const { data } = await (await fetch(`${router}/v1/models`, { headers })).json();
const model = data[0].id;

process.on("SIGTERM", () => process.exit(0));
await Promise.all(Array.from({ length: CLIENTS }, (_, index) => client(index)));

async function client(index) {
  for (let turn = index; ; turn++) {
    await ask(PROMPTS[turn % PROMPTS.length]).catch((error) =>
      console.error(`The request failed: ${error.message}`),
    );
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
}

/** Reads the answer to its end, as a client that shows it would. */
async function ask(content) {
  const response = await fetch(`${router}/v1/chat/completions`, {
    method: "POST",
    headers,
    body: JSON.stringify({ model, stream: true, max_tokens: 64, messages: [{ role: "user", content }] }),
  });
  if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
  for await (const _ of response.body);
}
