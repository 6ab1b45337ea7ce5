/** Work that was done for many requests at once, recorded in the trace of each. */
import type { Attributes, TraceNode } from "./request-trace.ts";

/** One request's share. */
export interface BatchMember {
  readonly node: TraceNode;
  readonly attributes?: Attributes;
}

/** Records the same stage in every member's trace; `shared` may say how large the whole batch was. Instants are epoch ms. */
export function recordBatch(
  members: readonly BatchMember[],
  name: string,
  time: { readonly startTime: number; readonly endTime: number },
  shared: Attributes = {},
): void {
  for (const { node, attributes } of members) {
    node.record(name, time.startTime, time.endTime, {
      attributes: { ...shared, ...attributes },
    });
  }
}

/** Puts the same event on every member. */
export function eventBatch(members: readonly BatchMember[], name: string, shared: Attributes = {}): void {
  for (const { node, attributes } of members) {
    node.event(name, { ...shared, ...attributes });
  }
}
