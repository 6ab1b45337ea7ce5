/**
 * A process that answers as a prefill and a decode worker do, at once and with nothing behind it: what is left to measure
 * is the router. Arguments: the registry's address, the model's name, its hash, and the pause between tokens in ms: with
 * 0 all tokens of an answer come together.
 */
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { silentLogger, type WorkerRecord, workerId } from "@baton/core";
import { mockLayout } from "@baton/engine";
import { createGrpcWorkerAnnouncer, createRpcServer } from "@baton/rpc";

const HOST = "127.0.0.1";
const [registry, model, modelHash, pause] = process.argv.slice(2) as [string, string, string, string];
const pauseMs = Number(pause);

function announce(role: "prefill" | "decode", port: number): void {
  const record: WorkerRecord = {
    id: workerId(`instant-${role}`),
    epoch: randomUUID(),
    role,
    state: "serving",
    grpcAddress: `${HOST}:${port}`,
    ...(role === "prefill" && { kvAddress: { host: HOST, port: 1 } }),
    model,
    layout: mockLayout(modelHash, 16),
    capacity: { kvBlocks: 100_000, maxRunning: 1024, maxModelTokens: 100_000 },
  };
  createGrpcWorkerAnnouncer({ address: registry, logger: silentLogger }).announce(record);
}

const prefill = createRpcServer({ logger: silentLogger });
prefill.addPrefill({
  async prefill({ request }) {
    const usage = { promptTokens: request.promptTokenIds.length, cachedTokens: 0, completionTokens: 1 };
    return { usage, firstTokenId: 97, kvBytes: 0 };
  },
});

const decode = createRpcServer({ logger: silentLogger });
decode.addDecode({
  async *generate({ request }) {
    const { maxTokens } = request.sampling;
    for (let i = 0; i < maxTokens; i++) {
      if (i > 0 && pauseMs > 0) await sleep(pauseMs);
      yield { type: "tokens", tokenIds: [97 + (i % 26)] };
    }
    const usage = {
      promptTokens: request.promptTokenIds.length,
      cachedTokens: 0,
      completionTokens: maxTokens,
    };
    yield { type: "end", reason: "length", usage };
  },
  stop() {},
});

const ports = {
  prefill: (await prefill.listen(HOST, 0)).port,
  decode: (await decode.listen(HOST, 0)).port,
};
announce("prefill", ports.prefill);
announce("decode", ports.decode);
const addresses = { prefill: `${HOST}:${ports.prefill}`, decode: `${HOST}:${ports.decode}` };
process.send?.({ type: "ready", addresses });
process.once("SIGTERM", () => process.exit());
