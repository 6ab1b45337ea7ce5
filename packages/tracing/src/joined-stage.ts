/**
 * Two nodes, one inside the other, as one: the request and the router's thread, or a worker's thread and its leg. What
 * is started hangs on the inner one; attributes and events are kept by the one that readers look at.
 */
import type { BatonError, ExternalTraceHeader } from "@baton/core";
import type { AttributeNames } from "./gen-ai-names.ts";
import type { Attributes, Stage, StageOptions } from "./request-trace.ts";

export interface JoinedStages {
  readonly outer: Stage;
  readonly inner: Stage;
  /** Which of both keeps attributes and events. */
  readonly front: Stage;
  /** Applied to every attribute that the front gets. */
  readonly names: AttributeNames;
}

export class JoinedStage implements Stage {
  readonly #outer: Stage;
  readonly #inner: Stage;
  readonly #front: Stage;
  readonly #names: AttributeNames;

  constructor({ outer, inner, front, names }: JoinedStages) {
    this.#outer = outer;
    this.#inner = inner;
    this.#front = front;
    this.#names = names;
  }

  get header(): ExternalTraceHeader | undefined {
    return this.#inner.header;
  }

  get ended(): boolean {
    return this.#outer.ended;
  }

  get recording(): boolean {
    return this.#front.recording;
  }

  wants(name: string): boolean {
    return this.#inner.wants(name);
  }

  stage(name: string, options?: StageOptions): Stage {
    return this.#inner.stage(name, options);
  }

  record(name: string, startTime: number, endTime: number, options?: Omit<StageOptions, "startTime">): void {
    this.#inner.record(name, startTime, endTime, options);
  }

  setAttributes(attributes: Attributes): void {
    if (this.recording) this.#front.setAttributes(this.#names(attributes));
  }

  event(name: string, attributes?: Attributes): void {
    this.#front.event(name, attributes);
  }

  run<T>(fn: () => T): T {
    return this.#inner.run(fn);
  }

  end(attributes: Attributes = {}, endTime?: number): void {
    this.setAttributes(attributes);
    if (!this.ended) this.#inner.end({}, endTime);
    this.#outer.end({}, endTime);
  }

  fail(error: BatonError, endTime?: number): void {
    this.#outer.fail(error, endTime);
  }
}
