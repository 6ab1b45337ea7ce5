/** A worker in a process of its own that registers with the router at the given address; tests kill it. */
import { silentLogger, workerId } from "@baton/core";
import { createGrpcWorkerAnnouncer } from "../grpc-worker-announcer.ts";

createGrpcWorkerAnnouncer({ address: process.argv[2]!, logger: silentLogger }).announce({
  id: workerId("decode-0"),
  epoch: "epoch-1",
  role: "decode",
  state: "serving",
  grpcAddress: "127.0.0.1:50051",
  model: "demo",
  layout: { layers: 1, kvHeads: 1, headDim: 8, dtype: "float32", blockSize: 16, modelHash: "c0ffee" },
  capacity: { kvBlocks: 1, maxRunning: 1, maxModelTokens: 16 },
});
process.stdout.write("announced\n");
