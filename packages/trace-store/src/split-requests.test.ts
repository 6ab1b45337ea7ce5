import { describe, expect, test } from "@jest/globals";
import { isComplete } from "./completeness.ts";
import { splitRequests } from "./split-requests.ts";
import { rootSpan, span } from "./testing.ts";

describe("splitRequests", () => {
  const idsOf = (trace: Parameters<typeof splitRequests>[0]) =>
    splitRequests(trace).map(({ spans }) => spans.map(({ spanId }) => spanId).join(" "));

  test("gives each request of a client's trace, with the span that it continues, and nothing of the client's own", () => {
    const trace = [
      span({ spanId: "client" }),
      span({ spanId: "call", parentSpanId: "client", kind: "client" }),
      rootSpan("r1", { spanId: "1", parentSpanId: "call" }),
      rootSpan("r2", { spanId: "2", parentSpanId: "call" }),
      span({ spanId: "3", parentSpanId: "1" }),
      span({ spanId: "4", parentSpanId: "3" }),
    ];
    expect(idsOf(trace)).toEqual(["1 3 4", "2"]);
    expect(splitRequests(trace).map(({ externalParents }) => externalParents)).toEqual([["call"], ["call"]]);
  });

  test("gives what hangs on nothing, with what is below it", () => {
    expect(
      idsOf([span({ spanId: "1", parentSpanId: "gone" }), span({ spanId: "2", parentSpanId: "1" })]),
    ).toEqual(["1 2"]);
  });

  test("gives an orphan to the request that it can only belong to", () => {
    const orphan = span({ spanId: "2", parentSpanId: "gone" });
    expect(idsOf([rootSpan("r1", { spanId: "1" }), orphan])).toEqual(["1 2"]);
    const two = [rootSpan("r1", { spanId: "1" }), rootSpan("r3", { spanId: "3" })];
    expect(idsOf([...two, orphan])).toEqual(["1", "3", "2"]);
  });

  test("gives traces of Baton's that are no request's", () => {
    expect(idsOf([span({ spanId: "1", name: "engine_step" })])).toEqual(["1"]);
  });

  test("ends on spans that are each other's parents", () => {
    const circle = [
      span({ spanId: "1", parentSpanId: "1" }),
      rootSpan("r1", { spanId: "1", parentSpanId: "1" }),
    ];
    expect(idsOf(circle)).toEqual(["1 1"]);
  });
});

describe("isComplete", () => {
  const root = rootSpan("r1");
  const call = span({ spanId: "call", parentSpanId: "root", kind: "client" });
  const server = span({ spanId: "server", parentSpanId: "call", kind: "server" });

  test("waits for the root, for every parent, and for the server of every call that went well", () => {
    expect(isComplete([])).toBe(false);
    expect(isComplete([root])).toBe(true);
    expect(isComplete([root, call])).toBe(false);
    expect(isComplete([root, call, server])).toBe(true);
    expect(isComplete([root, server])).toBe(false);
  });

  test("does not wait for the server of a call that failed", () => {
    expect(isComplete([root, { ...call, status: { code: "error", message: "" } }])).toBe(true);
  });

  test("does not wait for the client's own span", () => {
    expect(isComplete([rootSpan("r1", { parentSpanId: "client" })])).toBe(true);
  });
});
