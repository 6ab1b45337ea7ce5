import { setImmediate as nextTurn } from "node:timers/promises";
import { BatonError, NEUTRAL_SAMPLING, sequenceId } from "@baton/core";
import type { SequenceSpec } from "@baton/scheduler";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { createEngine } from "./create-engine.ts";
import type { EngineApi, EngineEvent } from "./engine-api.ts";
import { fakeInfo } from "./testing/fake-info.ts";
import { submitAndHear, tokensOf } from "./testing/heard-sequence.ts";

const KV_BLOCKS = 600;
const limits = {
  chunkTokens: 64,
  stepPrefillTokens: 128,
  maxRunning: 8,
  batchTokens: 40_000,
  maxSequences: 64,
  maxModelTokens: fakeInfo.maxModelTokens,
};

let engine: EngineApi;
let sequences = 0;

beforeEach(async () => {
  engine = await createEngine({ runner: { kind: "fake", info: fakeInfo }, kvBlocks: KV_BLOCKS, limits });
});

afterEach(() => engine.close());

function spec(goal: SequenceSpec["goal"], promptTokens: number, maxTokens = 8): SequenceSpec {
  const id = sequenceId(`sequence-${sequences++}`);
  const promptTokenIds = Array.from({ length: promptTokens }, (_, index) => (index * 7) % fakeInfo.vocabSize);
  return {
    id,
    promptTokenIds,
    goal,
    sampling: { ...NEUTRAL_SAMPLING, temperature: 0, maxTokens },
  };
}

const submit = (sequence: SequenceSpec, onEvent?: (event: EngineEvent) => void) =>
  submitAndHear(engine, sequence, onEvent);

/** Everything is given back: no sequence in any state, every block free or cached. */
async function expectAtRest(): Promise<void> {
  let status = engine.status();
  while (status.blocks.used > 0) {
    await nextTurn();
    status = engine.status();
  }
  const { waiting, prefilling, holding, receiving, ready, running, blocks } = status;
  expect([waiting, prefilling, holding, receiving, ready, running]).toEqual([0, 0, 0, 0, 0, 0]);
  expect(blocks.free + blocks.cached).toBe(blocks.total);
}

describe("a sequence", () => {
  test("is prefilled and decoded, and hears of it in order", async () => {
    const { events, ended } = submit(spec("generate", 100));
    await expect(ended).resolves.toMatchObject({ type: "finished", reason: "length" });
    const types = events.map((event) => event.type);
    expect(types.slice(0, 4)).toEqual(["prefill-start", "prefill-chunk", "prefill-chunk", "token"]);
    expect(types.slice(4)).toEqual(["decode-start", ...Array(7).fill("token"), "finished"]);
    expect(events.map((event) => event.at)).toEqual(
      events.map((event) => event.at).toSorted((a, b) => a - b),
    );
    await expectAtRest();
  });

  test("is not told anything before submit returns", async () => {
    let returned = false;
    const { ended } = submit(spec("generate", 3), () => expect(returned).toBe(true));
    returned = true;
    await ended;
  });

  test("with the goals prefill and decode gives the answer of generate", async () => {
    const whole = submit(spec("generate", 150));
    await whole.ended;
    const prefill = submit(spec("prefill", 150));
    await prefill.ended;
    const decode = submit(spec("decode", 150));
    const blocks = await decode.handle.reserve(AbortSignal.timeout(10_000));
    for (const [index, block] of prefill.handle.blocks().entries()) {
      engine.blockBytes(blocks[index]!).set(engine.blockBytes(block));
    }
    prefill.handle.release();
    decode.handle.ready({ tokenId: tokensOf(prefill)[0]! });
    await decode.ended;
    expect(tokensOf(decode)).toEqual(tokensOf(whole));
    expect(prefill.events.at(-1)).toMatchObject({ type: "finished" });
    await expectAtRest();
  });

  test("goes on with an answer that began elsewhere as if it had begun here", async () => {
    const sampling = {
      ...NEUTRAL_SAMPLING,
      maxTokens: 8,
      minTokens: 6,
      seed: 7n,
      repetitionPenalty: 1.3,
      frequencyPenalty: 0.4,
      topLogprobs: 2,
    };
    const one = { ...spec("generate", 150), sampling };
    const whole = submit(one);
    await whole.ended;
    const answer = tokensOf(whole);
    const written = ({ events }: typeof whole) =>
      events.flatMap((event) => (event.type === "token" ? [{ ...event, at: 0, sequenceId: "" }] : []));
    expect(answer).toHaveLength(8);
    for (let count = 1; count < answer.length; count++) {
      const answeredTokenIds = answer.slice(0, count);
      const rest = submit({ ...one, id: sequenceId(`rest-${count}`), answeredTokenIds });
      await rest.ended;
      expect(written(rest)).toEqual(written(whole).slice(count));

      const prefill = submit({ ...one, id: sequenceId(`p-${count}`), answeredTokenIds, goal: "prefill" });
      await prefill.ended;
      const decode = submit({ ...one, id: sequenceId(`d-${count}`), answeredTokenIds, goal: "decode" });
      const blocks = await decode.handle.reserve(AbortSignal.timeout(10_000));
      for (const [index, block] of prefill.handle.blocks().entries()) {
        engine.blockBytes(blocks[index]!).set(engine.blockBytes(block));
      }
      prefill.handle.release();
      decode.handle.ready(written(prefill)[0]!);
      await decode.ended;
      expect(written(decode)).toEqual(written(whole).slice(count));
    }
    await expectAtRest();
  });

  test("runs among others as it runs alone", async () => {
    const specs = Array.from({ length: 20 }, (_, index) => spec("generate", 10 + index * 13, 5 + index));
    const together = specs.map((each) => submit(each));
    await Promise.all(together.map(({ ended }) => ended));
    for (const [index, each] of specs.entries()) {
      const alone = submit({ ...each, id: sequenceId(`alone-${index}`) });
      await alone.ended;
      expect(tokensOf(together[index]!)).toEqual(tokensOf(alone));
    }
    await expectAtRest();
  });

  test("may be finished by its holder from within an event", async () => {
    const finishing = submit(spec("generate", 5, 1000), (event) => {
      if (event.type === "token" && event.index === 3) finishing.handle.finish("stop");
    });
    await expect(finishing.ended).resolves.toMatchObject({ type: "finished", reason: "stop" });
    expect(tokensOf(finishing)).toHaveLength(4);
    await expectAtRest();
  });
});

describe("cancel", () => {
  test("in any phase leaves nothing behind and is silent", async () => {
    const phases = ["prefill-start", "prefill-chunk", "token", "decode-start"] as const;
    for (const phase of phases) {
      const canceled = submit(spec("generate", 300, 500), (event) => {
        if (event.type === phase) canceled.handle.cancel();
      });
      await canceled.until(phase);
      canceled.handle.cancel();
      canceled.handle.finish("stop");
      canceled.handle.release();
      await expectAtRest();
      expect(canceled.events.at(-1)!.type).toBe(phase);
    }
  });

  test("right after submit is heard of by nobody", async () => {
    const canceled = submit(spec("generate", 300));
    canceled.handle.cancel();
    await submit(spec("generate", 3)).ended;
    expect(canceled.events).toEqual([]);
    await expectAtRest();
  });

  test("of a handle that has ended does not touch a newer sequence of the same id", async () => {
    const reused = spec("generate", 4);
    const first = submit(reused);
    await first.ended;
    const second = submit(reused);
    first.handle.cancel();
    await expect(second.ended).resolves.toMatchObject({ type: "finished" });
  });

  test("refuses a reservation that is still waiting", async () => {
    const full = submit(spec("decode", KV_BLOCKS * fakeInfo.layout.blockSize - 800));
    await full.handle.reserve(new AbortController().signal);
    const waiting = submit(spec("decode", 1000));
    const reservation = waiting.handle.reserve(new AbortController().signal);
    waiting.handle.cancel();
    await expect(reservation).rejects.toMatchObject({ code: "canceled" });
    full.handle.cancel();
    await expectAtRest();
  });

  test("by the signal of a reservation rejects with its reason", async () => {
    const full = submit(spec("decode", KV_BLOCKS * fakeInfo.layout.blockSize - 800));
    await full.handle.reserve(new AbortController().signal);
    const waiting = submit(spec("decode", 1000));
    const controller = new AbortController();
    const reservation = waiting.handle.reserve(controller.signal);
    controller.abort(new BatonError("deadline_exceeded", "too late"));
    await expect(reservation).rejects.toMatchObject({ code: "deadline_exceeded" });
    waiting.handle.cancel();
    full.handle.cancel();
    await expectAtRest();
  });

  test("of a prefill that is held for a hand-over gives its blocks back", async () => {
    const held = submit(spec("prefill", 50));
    await held.ended;
    expect(engine.status().holding).toBe(1);
    held.handle.cancel();
    held.handle.cancel();
    expect(held.handle.blocks()).toEqual([]);
    await expectAtRest();
  });
});

describe("the main thread", () => {
  test("keeps turning while a step is computed", async () => {
    let turns = 0;
    const turnsAtChunk: number[] = [];
    const { ended } = submit(spec("generate", 4000, 2), (event) => {
      if (event.type === "prefill-chunk") turnsAtChunk.push(turns);
    });
    let running = true;
    void ended.then(() => {
      running = false;
    });
    for (; running; turns++) await nextTurn();
    const turnsPerStep = turnsAtChunk.slice(1).map((turn, index) => turn - turnsAtChunk[index]!);
    // A step that ran on this thread would leave it the one or two turns between steps.
    expect(Math.max(...turnsPerStep)).toBeGreaterThan(10);
  });
});

describe("an engine that cannot go on", () => {
  test("fails every sequence, then itself, and takes no more", async () => {
    await engine.close();
    const runner = { kind: "fake", info: fakeInfo, brokenTokenId: 319 } as const;
    engine = await createEngine({ runner, kvBlocks: KV_BLOCKS, limits });
    const kept = submit(spec("prefill", 20));
    await kept.ended;
    const victims = [
      submit(spec("generate", 3000, 50)),
      submit(spec("decode", 20)),
      submit(spec("prefill", 20)),
    ];
    await victims[1]!.handle.reserve(new AbortController().signal);
    victims[1]!.handle.ready({ tokenId: 319 });
    const error = await engine.failed;
    for (const { events } of victims) expect(events.at(-1)).toMatchObject({ type: "failed", error });
    expect(error).toMatchObject({
      code: "internal",
      message: 'Cannot compute token "319": it is broken',
    });
    expect(kept.events.at(-1)).toMatchObject({ type: "finished" });
    expect(() => submit(spec("generate", 1))).toThrow(error.message);
    await expectAtRest();
  });
});

describe("a sequence whose logits are not numbers", () => {
  test("fails alone, in prefill and in decode, and leaves nothing to those after it", async () => {
    const expected = submit(spec("generate", 40, 20));
    await expected.ended;
    const others = [submit(spec("generate", 700, 60)), submit(spec("generate", 40, 60))];
    await Promise.all(others.map(({ until }) => until("decode-start")));
    for (const goal of ["decode", "decode", "generate"] as const) {
      const victim = submit(spec(goal, 40));
      if (goal === "decode") {
        for (const block of await victim.handle.reserve(new AbortController().signal)) {
          engine.blockBytes(block).fill(0xff); // Every float32 is NaN: so is every logit that follows.
        }
        victim.handle.ready({ tokenId: 1 });
        expect(await victim.ended).toMatchObject({ type: "failed", error: { code: "internal" } });
      } else expect(await victim.ended).toMatchObject({ type: "finished" });
    }
    await Promise.all(others.map(({ ended }) => ended));
    for (const [index, { events }] of others.entries()) {
      expect(events.at(-1)).toMatchObject({ type: "finished" });
      const alone = submit(spec("generate", [700, 40][index]!, 60));
      await alone.ended;
      expect(tokensOf(others[index]!)).toEqual(tokensOf(alone));
    }
    await expectAtRest();
  });

  test("is not needed to refuse tokens outside the vocabulary", async () => {
    const stranger = { ...spec("generate", 3), promptTokenIds: [1, fakeInfo.vocabSize] };
    expect(() => submit(stranger)).toThrow('Cannot compute token "320": expected 0 to 319');
    const decode = submit(spec("decode", 3));
    await decode.handle.reserve(new AbortController().signal);
    expect(() => decode.handle.ready({ tokenId: fakeInfo.vocabSize })).toThrow('Cannot compute token "320"');
    decode.handle.cancel();
    await expectAtRest();
  });
});

describe("starting and closing", () => {
  test("a graph that is not there is an error that names it", async () => {
    const runner = {
      kind: "onnx",
      info: fakeInfo,
      prefillGraph: "/nowhere/prefill.onnx",
      decodeGraph: "/nowhere/decode.onnx",
      pageDtype: "fp32",
      threads: 1,
      roles: ["decode"],
    } as const;
    await expect(createEngine({ runner, kvBlocks: 8, limits })).rejects.toThrow('"/nowhere/decode.onnx"');
  });

  test("close drops what runs, refuses what comes and may be called again", async () => {
    const running = submit(spec("generate", 1000, 1000));
    await running.until("token");
    const closing = engine.close();
    const heard = running.events.length;
    expect(() => submit(spec("generate", 1))).toThrow("the engine is closing");
    await Promise.all([closing, engine.close()]);
    expect(running.events).toHaveLength(heard);
    await expectAtRest();
  });
});
