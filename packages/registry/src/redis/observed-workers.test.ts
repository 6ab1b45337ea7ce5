import { BatonError, type WorkerRecord } from "@baton/core";
import { describe, expect, test } from "@jest/globals";
import { workerRecord } from "../testing.ts";
import { type Announcement, parseAnnouncement } from "./announcement.ts";
import { ObservedWorkers } from "./observed-workers.ts";

const HEARTBEAT_MS = 100;

function announcement(
  beat: number,
  differences: Partial<Announcement> = {},
  record = workerRecord(),
): Announcement {
  const { id, epoch } = record;
  return { id, epoch, beat, gone: false, record: JSON.stringify(record), ...differences };
}

function observed(accept?: (record: WorkerRecord) => void) {
  const refused: string[] = [];
  const workers = new ObservedWorkers({
    heartbeatMs: HEARTBEAT_MS,
    accept,
    onRefused: (_, { message }) => refused.push(message),
  });
  return { workers, refused };
}

describe("ObservedWorkers", () => {
  test("counts a worker as gone after three intervals without a larger beat, however often it is listed (O1, O4)", () => {
    const { workers } = observed();
    workers.hear(announcement(1));
    expect([workers.read([announcement(1)], 299), workers.workers.length]).toEqual([false, 1]);
    expect([workers.read([announcement(1)], 1), workers.workers.length]).toEqual([true, 0]);
    expect(workers.read([announcement(1)], 100)).toBe(false);
    expect([workers.read([announcement(2)], 100), workers.workers.length]).toEqual([true, 1]);
  });

  test("keeps a worker that Redis has forgotten, until its own time is up (O2)", () => {
    const { workers } = observed();
    workers.hear(announcement(1));
    workers.read([], 250);
    workers.forgive();
    workers.read([], 250);
    expect(workers.workers).toHaveLength(1);
    workers.read([], 50);
    expect(workers.workers).toHaveLength(0);
  });

  test("takes a goodbye at once, and is not fooled by a list from before it (O3)", () => {
    const { workers } = observed();
    workers.hear(announcement(1));
    expect(workers.hear(announcement(1, { gone: true }))).toBe(true);
    expect(workers.read([announcement(1)], 100)).toBe(false);
    expect(workers.workers).toEqual([]);
    workers.read([], 100);
    expect(workers.hear(announcement(2))).toBe(true);
  });

  test("leaves out what is refused or unreadable, and says so once per record", () => {
    const { workers, refused } = observed(() => {
      throw new BatonError("kv_mismatch", "Cannot accept");
    });
    for (let beat = 1; beat < 4; beat++) workers.hear(announcement(beat));
    const { id, epoch } = announcement(4);
    expect(workers.refused).toEqual([{ id, epoch, reason: "Cannot accept" }]);
    workers.hear(announcement(4, { record: "{}" }));
    expect(workers.workers).toEqual([]);
    expect(refused).toEqual(["Cannot accept", expect.stringContaining("not one of this version")]);
    workers.hear(announcement(5, { gone: true }));
    expect(workers.refused).toEqual([]);
  });

  test("makes nothing of texts that are no announcements", () => {
    for (const text of [
      "",
      "null",
      "[]",
      "{}",
      '{"id":1}',
      '{"id":"w","epoch":"e","record":"{}","beat":"x"}',
    ]) {
      expect(parseAnnouncement(text)).toBeUndefined();
    }
  });
});
