/** FeedUpdate ↔ its message. */
import type { FeedUpdate, KvCacheEvent } from "@baton/core";
import type { CallLife } from "./call-life.ts";
import type { FollowCall } from "./feed-service.ts";
import { inRange, MAX_ID_LENGTH, present, rejectField, text } from "./fields.ts";
import type {
  FeedUpdate__Output as IncomingUpdate,
  FeedUpdate as WireUpdate,
} from "./generated/baton/v1/FeedUpdate.ts";
import type { FollowRequest__Output } from "./generated/baton/v1/FollowRequest.ts";
import type { KvEvent__Output as IncomingEvent, KvEvent as WireEvent } from "./generated/baton/v1/KvEvent.ts";

/** Bytes of a block's name. */
const NAME_BYTES = 8;

export function fromFollowRequest(
  { workerId, epoch }: FollowRequest__Output,
  { signal }: CallLife,
): FollowCall {
  return {
    workerId: text("worker_id", workerId, MAX_ID_LENGTH),
    epoch: text("epoch", epoch, MAX_ID_LENGTH),
    signal,
  };
}

export function toFeedUpdate(update: FeedUpdate): WireUpdate {
  switch (update.kind) {
    case "snapshot": {
      const { number, blocks, final } = update;
      return { snapshot: { number: String(number), blocks, final } };
    }
    case "events": {
      const { firstNumber, events, waitedMs } = update;
      return { events: { firstNumber: String(firstNumber), events: events.map(toEvent), waitedMs } };
    }
    case "load":
      return { load: update.load };
  }
}

/** @throws BatonError `invalid_argument` naming the field. */
export function fromFeedUpdate(message: IncomingUpdate): FeedUpdate {
  switch (message.update) {
    case "snapshot": {
      const { number, blocks, final } = present("snapshot", message.snapshot);
      return {
        kind: "snapshot",
        number: eventNumber("snapshot.number", number),
        blocks: names("snapshot.blocks", blocks),
        final,
      };
    }
    case "events": {
      const { firstNumber, events, waitedMs } = present("events", message.events);
      return {
        kind: "events",
        firstNumber: eventNumber("events.first_number", firstNumber),
        events: events.map(fromEvent),
        waitedMs,
      };
    }
    case "load": {
      const { waitingTokens, usedBlocks, runningSequences, waitingSequences } = present("load", message.load);
      return { kind: "load", load: { waitingTokens, usedBlocks, runningSequences, waitingSequences } };
    }
    default:
      return rejectField("update", "absent", "one of snapshot, events, load");
  }
}

function toEvent(event: KvCacheEvent): WireEvent {
  return event.kind === "cleared" ? { cleared: {} } : { [event.kind]: event.blocks };
}

function fromEvent({ event, stored, removed }: IncomingEvent): KvCacheEvent {
  switch (event) {
    case "stored":
      return { kind: "stored", blocks: names("events.stored", stored) };
    case "removed":
      return { kind: "removed", blocks: names("events.removed", removed) };
    case "cleared":
      return { kind: "cleared" };
    default:
      return rejectField("events.event", "absent", "one of stored, removed, cleared");
  }
}

function eventNumber(field: string, value: string): number {
  return inRange(field, Number(value), 0, Number.MAX_SAFE_INTEGER);
}

function names(field: string, bytes: Buffer | undefined): Uint8Array {
  const blocks = present(field, bytes);
  if (blocks.byteLength % NAME_BYTES === 0) return blocks;
  return rejectField(field, `${blocks.byteLength} bytes long`, `a multiple of ${NAME_BYTES}`);
}
