/** Clients that leave, in each phase of their request. */
import { SPAN } from "@baton/tracing";
import { eventually } from "../../support/eventually.ts";
import { scrape, total } from "../../support/scrape.ts";
import type { Scenario } from "./scenario.ts";
import { longPrompt, type TracedRun } from "./traced-run.ts";

/** An answer that goes on for as long as somebody reads it. */
export const ENDLESS = { max_tokens: 5000, stream: true };

/** Resolves once a worker's status says so. */
function until(traced: TracedRun, ...args: Parameters<TracedRun["cluster"]["until"]>) {
  return () => traced.cluster.until(...args);
}

export function prefills(traced: TracedRun) {
  return until(traced, "prefill-0", "prefills", ({ sequences }) => sequences.prefilling >= 1);
}

export function receives(traced: TracedRun) {
  return until(traced, "decode-0", "receives", ({ rooms }) => rooms.transferring >= 1);
}

export function decodes(traced: TracedRun, count = 1) {
  return until(traced, "decode-0", `decodes ${count}`, ({ sequences }) => sequences.running >= count);
}

/** Resolves once so many requests wait in the router's own queue. */
export function queuedInRouter(traced: TracedRun, count = 1) {
  return () =>
    eventually(`the router has ${count} waiting`, async () => {
      return total(await scrape(traced.cluster, "router"), "baton_requests_waiting") === count;
    });
}

const inPrefillQueue: Scenario = {
  name: "while its prompt waits behind another",
  async run(traced) {
    const ahead = await twoPrompts(traced);
    await traced.traceOf(ahead, [SPAN.prefill]);
  },
};

async function twoPrompts(traced: TracedRun): Promise<string> {
  let second = "";
  const first = await traced.leave({ prompt: longPrompt() }, async () => {
    await prefills(traced)();
    second = await traced.leave(
      { prompt: longPrompt() },
      until(traced, "prefill-0", "has two", ({ sequences }) => sequences.prefilling + sequences.waiting >= 2),
    );
  });
  await traced.traceOf(second);
  return first;
}

const inDecodeQueue: Scenario = {
  name: "while it waits for a place in the batch",
  async run(traced) {
    let third = "";
    await traced.leave(ENDLESS, () =>
      traced.leave(ENDLESS, async () => {
        await decodes(traced, 2)();
        third = await traced.leave(
          {},
          until(traced, "decode-0", "has one ready", ({ sequences }) => sequences.ready >= 1),
        );
      }),
    );
    await traced.traceOf(third, [SPAN.decode]);
  },
};

function leaves(
  name: string,
  body: Record<string, unknown>,
  phase: (traced: TracedRun) => () => Promise<unknown>,
): Scenario {
  return {
    name,
    run: async (traced) =>
      void (await traced.traceOf(await traced.leave(body, phase(traced)), [SPAN.decode])),
  };
}

/** In a cluster whose workers decode two at once. */
export const LEFT: readonly Scenario[] = [
  inPrefillQueue,
  leaves("while its prompt is prefilled", { prompt: longPrompt() }, prefills),
  leaves("while its KV is transferred", { prompt: longPrompt() }, receives),
  inDecodeQueue,
  leaves("while its answer is decoded and streamed", ENDLESS, decodes),
  leaves("while its answer is decoded in one piece", { max_tokens: 5000 }, decodes),
].map(({ name, run }) => ({ name: `a client that leaves ${name}`, run }));

export const LEFT_ONE_WORKER: readonly Scenario[] = [
  leaves("a client that leaves while its answer is decoded", ENDLESS, decodes),
];
