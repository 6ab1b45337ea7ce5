/** A router in a process of its own: calls the worker at the given address and waits; tests kill it. */
import { createDecodeClient } from "../decode-client.ts";
import { generateCall, uncanceled } from "./fixtures.ts";

const client = createDecodeClient(process.argv[2]!);
for await (const _event of client.generate(generateCall(), uncanceled())) process.stdout.write("token\n");
