/** A worker in a process of its own that starts every answer and ends none: tests kill or freeze it. Prints its port. */

import { silentLogger } from "@baton/core";
import { createRpcServer } from "../rpc-server.ts";
import { decodeService, HOST, untilAbort } from "./fixtures.ts";

const server = createRpcServer({ logger: silentLogger });
server.addPrefill({ prefill: ({ signal }) => untilAbort(signal) });
server.addDecode(
  decodeService(async function* ({ signal }) {
    yield { type: "tokens", tokenIds: [1] };
    await untilAbort(signal);
  }),
);
server.setServing(true);
const { port } = await server.listen(HOST, 0);
process.stdout.write(`${port}\n`);
