import { EventEmitter } from "node:events";
import type { ServerWritableStream } from "@grpc/grpc-js";
import { describe, expect, test } from "@jest/globals";
import type { CallLife } from "./call-life.ts";
import { IncomingCalls } from "./incoming-calls.ts";

/** The parts of a grpc-js call that are looked at, so that a test can order its events by hand. */
function fakeCall(peer: string) {
  const events = Object.assign(new EventEmitter(), {
    closed: false,
    getPeer: () => peer,
    getDeadline: () => Number.POSITIVE_INFINITY,
  });
  return { events, call: events as unknown as ServerWritableStream<unknown, unknown> };
}

describe("incoming calls", () => {
  test("start their work before the handler returns", async () => {
    const calls = new IncomingCalls();
    let started = false;
    const done = calls.stream(fakeCall("127.0.0.1:1").call, async () => {
      started = true;
    });
    expect(started).toBe(true);
    expect(calls.count).toBe(1);
    await done;
    expect(calls.count).toBe(0);
  });

  test("whose caller left before the handler was called are aborted at once", async () => {
    let life: CallLife | undefined;
    await new IncomingCalls().stream(fakeCall("unknown").call, async (given) => {
      life = given;
    });
    expect(life?.signal.reason).toMatchObject({ code: "canceled" });
  });

  test("do not hear of a cancel once their work is done", async () => {
    const { call, events } = fakeCall("127.0.0.1:1");
    let life: CallLife | undefined;
    await new IncomingCalls().unary(call as never, async (given) => {
      life = given;
    });
    events.emit("cancelled");
    expect(life?.signal.aborted).toBe(false);
    expect(events.listenerCount("cancelled")).toBe(0);
  });
});
