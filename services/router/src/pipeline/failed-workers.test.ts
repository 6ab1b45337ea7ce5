import { type WorkerRecord, workerId } from "@baton/core";
import { workerRecord } from "@baton/registry/testing";
import type { WorkerView } from "@baton/routing";
import { expect, test } from "@jest/globals";
import { FailedWorkers } from "./failed-workers.ts";

const decode = (id: string, differences: Partial<WorkerRecord> = {}) =>
  workerRecord({ id: workerId(id), role: "decode", ...differences });
const viewOf = (...records: readonly WorkerRecord[]): WorkerView =>
  records.map((record) => ({ record, load: { requests: 0, prefillTokens: 0, decodeBlocks: 0 } }));

test("a worker that failed is avoided until it is restarted", () => {
  const failed = new FailedWorkers();
  const [first, second] = [decode("a"), decode("b")];
  failed.add([first]);
  expect([...failed.in(() => viewOf(first, second))]).toEqual(["a"]);
  expect([...failed.in(() => viewOf(decode("a", { epoch: "later" }), second))]).toEqual([]);
});

test.each([
  ["another worker of its role", decode("b"), true],
  ["the same worker restarted", decode("a", { epoch: "later" }), true],
  ["a worker of both roles", decode("b", { role: "aggregated" }), true],
  ["one that drains", decode("b", { state: "draining" }), false],
  ["one of the other role", decode("b", { role: "prefill" }), false],
  ["one of another model", decode("b", { model: "other" }), false],
  ["nobody but itself", decode("a"), false],
])("can a worker be replaced by %s", (_, other, answer) => {
  const failed = new FailedWorkers();
  failed.add([decode("a")]);
  expect(failed.canReplaceOneOf([decode("a")], viewOf(decode("a"), other))).toBe(answer);
});

test("what was nobody's fault may be tried on the same workers", () => {
  expect(new FailedWorkers().canReplaceOneOf([], [])).toBe(true);
});
