/**
 * The prefill side of the transfer bench, in a process of its own: an engine, a KV server, and a plain TCP server that
 * writes the same blocks as bare bytes.
 */
import { createServer } from "node:net";
import { type BootstrapRoom, kvBytesPerBlock, silentLogger, workerId } from "@baton/core";
import { createKvServer } from "@baton/kv-transfer";
import { prepareModel } from "@baton/model";
import { BENCH_CACHE, synthModelFolder } from "./synth-model.ts";
import { answerRequest, freshPrompt, startEngine } from "./synthetic-engine.ts";

/** What the bench asks for; each is answered by a message `PrefillReply`. */
export type PrefillRequest =
  /** Send so many bytes to whoever connects next to the plain server. */
  | { readonly type: "raw"; readonly bytes: number }
  /** Serve a room whose KV is there already. */
  | { readonly type: "send"; readonly room: string; readonly tokens: number }
  /** Compute a prompt, and serve its KV in a room while it is computed, if there is one. */
  | { readonly type: "prefill"; readonly tokens: number; readonly room?: string };

export type PrefillReply =
  | { readonly type: "ready"; readonly rawPort: number; readonly kvPort: number; readonly modelHash: string }
  | { readonly type: "accepted" }
  /** The first token is known. */
  | { readonly type: "first-token" };

const SHAPE = "smollm2-135m";
export const MAX_TOKENS = 4096;
export const BLOCK_SIZE = 16;

const model = await prepareModel(await synthModelFolder(SHAPE), {
  cacheFolder: BENCH_CACHE,
  weights: "int8",
});
const layout = model.layout(BLOCK_SIZE);
const engine = await startEngine({ model, chunkTokens: 256, kvTokens: 2 * MAX_TOKENS });
const blockBytes = kvBytesPerBlock(layout);
const memory = new Uint8Array(new SharedArrayBuffer((MAX_TOKENS / BLOCK_SIZE) * blockBytes)).fill(7);
const block = (index: number) => memory.subarray(index * blockBytes, (index + 1) * blockBytes);

const kvServer = createKvServer({
  ...{ workerId: workerId("prefill"), epoch: "bench", layout },
  logger: silentLogger,
});
const { port: kvPort } = await kvServer.listen("127.0.0.1", 0);

let rawBytes = 0;
const rawServer = createServer({ noDelay: true }, (socket) => {
  let sent = 0;
  const write = () => {
    while (sent < rawBytes) {
      sent += blockBytes;
      const bytes = block((sent / blockBytes) % (MAX_TOKENS / BLOCK_SIZE));
      if (!socket.write(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length))) return;
    }
    socket.end();
  };
  socket.on("drain", write);
  write();
});
rawServer.listen(0, "127.0.0.1", () => {
  const { port: rawPort } = rawServer.address() as { port: number };
  reply({ type: "ready", rawPort, kvPort, modelHash: layout.modelHash });
});

process.on("message", (request: PrefillRequest) => {
  if (request.type === "raw") rawBytes = request.bytes;
  else if (request.type === "send") send(BigInt(request.room) as BootstrapRoom, request.tokens);
  else
    prefill(request.tokens, request.room === undefined ? undefined : (BigInt(request.room) as BootstrapRoom));
  reply({ type: "accepted" });
});
process.on("disconnect", () => process.exit());

function reply(message: PrefillReply): void {
  process.send!(message);
}

function send(room: BootstrapRoom, promptTokens: number): void {
  const sending = kvServer.open({ room, promptTokens, block, signal: new AbortController().signal });
  sending.push(promptTokens);
  sending.finish({ tokenId: 1, cachedTokens: 0 });
}

/** As a prefill worker's leg does. */
function prefill(promptTokens: number, room: BootstrapRoom | undefined): void {
  const prompt = freshPrompt(promptTokens, engine.info.vocabSize);
  const sequence = engine.submit(answerRequest(prompt, {}, "prefill"), (event) => {
    if (event.type === "prefill-chunk") sending?.push(event.start + event.count);
    if (event.type !== "token") return;
    reply({ type: "first-token" });
    if (sending) sending.finish({ tokenId: event.tokenId, cachedTokens: 0 });
    else sequence.release();
  });
  const sending =
    room === undefined
      ? undefined
      : kvServer.open({
          room,
          promptTokens,
          block: (index) => engine.blockBytes(sequence.blocks()[index]!),
          signal: new AbortController().signal,
        });
  void sending?.closed.then(() => sequence.cancel());
}
