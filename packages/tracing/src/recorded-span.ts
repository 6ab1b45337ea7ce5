/**
 * A span while it is written, and as exporters read it. It takes the place of the SDK's, which checks and copies every
 * attribute up to three times, in case somebody else wrote it: with a dozen spans a request that is a tenth of what the
 * router does for it. Attributes here are Baton's own and the gRPC instrumentation's.
 *
 *   P1  Nothing changes a span that has ended.
 *   P2  Of events and links the last `MAX_OF_A_KIND` are kept, as the SDK does, and the rest is counted.
 */
import type {
  Attributes,
  AttributeValue,
  Exception,
  HrTime,
  Link,
  Span,
  SpanContext,
  SpanKind,
  SpanStatus,
  TimeInput,
} from "@opentelemetry/api";
import { SpanStatusCode } from "@opentelemetry/api";
import type { Resource } from "@opentelemetry/resources";
import type { ReadableSpan, TimedEvent } from "@opentelemetry/sdk-trace";

const MAX_OF_A_KIND = 128;
const UNSET: SpanStatus = { code: SpanStatusCode.UNSET };

/** What all spans of a process have in common. */
export interface SpanHome {
  readonly resource: Resource;
  readonly instrumentationScope: ReadableSpan["instrumentationScope"];
  /** Epoch ms. */
  readonly now: () => number;
  /** Told of the end of a span. */
  readonly onEnd: (span: RecordedSpan) => void;
}

export interface SpanStart {
  readonly name: string;
  readonly kind: SpanKind;
  readonly context: SpanContext;
  readonly parent: SpanContext | undefined;
  readonly startTime: TimeInput | undefined;
  readonly attributes: Attributes | undefined;
  readonly links: readonly Link[] | undefined;
}

export class RecordedSpan implements Span, ReadableSpan {
  readonly name: string;
  readonly kind: SpanKind;
  readonly parentSpanContext?: SpanContext;
  readonly attributes: Attributes = {};
  readonly links: Link[];
  readonly events: TimedEvent[] = [];
  readonly droppedAttributesCount = 0;
  droppedEventsCount = 0;
  droppedLinksCount = 0;
  status = UNSET;
  ended = false;
  /** Of its processor. */
  part: unknown;
  readonly #home: SpanHome;
  readonly #context: SpanContext;
  readonly #startMs: number;
  #endMs = 0;

  constructor(home: SpanHome, { name, kind, context, parent, startTime, attributes, links }: SpanStart) {
    this.#home = home;
    this.#context = context;
    this.name = name;
    this.kind = kind;
    if (parent) this.parentSpanContext = parent;
    this.#startMs = this.#millis(startTime);
    if (attributes) this.setAttributes(attributes);
    this.links = links ? [...links] : [];
  }

  spanContext(): SpanContext {
    return this.#context;
  }

  get resource(): Resource {
    return this.#home.resource;
  }

  get instrumentationScope(): ReadableSpan["instrumentationScope"] {
    return this.#home.instrumentationScope;
  }

  get startTime(): HrTime {
    return hrTime(this.#startMs);
  }

  get endTime(): HrTime {
    return hrTime(this.#endMs);
  }

  get duration(): HrTime {
    return hrTime(this.#endMs - this.#startMs);
  }

  isRecording(): boolean {
    return !this.ended;
  }

  setAttribute(key: string, value: AttributeValue | undefined): this {
    if (!this.ended && value !== undefined) this.attributes[key] = value;
    return this;
  }

  setAttributes(attributes: Attributes): this {
    for (const key in attributes) this.setAttribute(key, attributes[key]);
    return this;
  }

  addEvent(name: string, attributes?: Attributes | TimeInput, time?: TimeInput): this {
    if (this.ended) return this;
    if (this.events.length >= MAX_OF_A_KIND) {
      this.events.shift();
      this.droppedEventsCount += 1;
    }
    const given = isTime(attributes) ? undefined : attributes;
    const at = isTime(attributes) ? attributes : time;
    this.events.push({ name, time: hrTime(this.#millis(at)), ...(given && { attributes: without(given) }) });
    return this;
  }

  addLink(link: Link): this {
    if (this.ended) return this;
    if (this.links.length >= MAX_OF_A_KIND) {
      this.links.shift();
      this.droppedLinksCount += 1;
    }
    this.links.push(link);
    return this;
  }

  addLinks(links: Link[]): this {
    for (const link of links) this.addLink(link);
    return this;
  }

  setStatus(status: SpanStatus): this {
    if (!this.ended && status.code !== SpanStatusCode.UNSET && this.status.code !== SpanStatusCode.OK)
      this.status = status.code === SpanStatusCode.OK ? { code: status.code } : status;
    return this;
  }

  /** Names are given once: the tree is drawn from them. */
  updateName(): this {
    return this;
  }

  recordException(exception: Exception, time?: TimeInput): void {
    const { message, name } =
      typeof exception === "string" ? { message: exception } : { name: undefined, ...exception };
    const attributes: Attributes = {};
    if (name !== undefined) attributes["exception.type"] = name;
    if (message !== undefined) attributes["exception.message"] = message;
    this.addEvent("exception", attributes, time);
  }

  end(endTime?: TimeInput): void {
    if (this.ended) return;
    this.#endMs = Math.max(this.#startMs, this.#millis(endTime));
    this.ended = true;
    this.#home.onEnd(this);
  }

  #millis(time: TimeInput | undefined): number {
    if (typeof time === "number") return time;
    if (time === undefined) return this.#home.now();
    return time instanceof Date ? time.getTime() : time[0] * 1000 + time[1] / 1e6;
  }
}

function hrTime(millis: number): HrTime {
  const seconds = Math.trunc(millis / 1000);
  const nanoseconds = Math.round((millis - seconds * 1000) * 1e6);
  return nanoseconds < 1e9 ? [seconds, nanoseconds] : [seconds + 1, 0];
}

function isTime(value: Attributes | TimeInput | undefined): value is TimeInput {
  return typeof value === "number" || value instanceof Date || Array.isArray(value);
}

/** Leaves out what is undefined. */
function without(attributes: Attributes): Attributes {
  const kept: Attributes = {};
  for (const key in attributes) if (attributes[key] !== undefined) kept[key] = attributes[key];
  return kept;
}
