/** A tracer that keeps what it was told, for tests of what a request leaves behind. */
import type { BatonError, ExternalTraceHeader } from "@baton/core";
import type { Attributes, RequestOptions, RequestTracer, Stage, TraceLevel } from "@baton/tracing";

/** One span as the router wrote it. */
export class RecordedStage implements Stage {
  readonly name: string;
  readonly header: ExternalTraceHeader | undefined;
  readonly children: RecordedStage[] = [];
  readonly events: { readonly name: string; readonly attributes: Attributes }[] = [];
  readonly attributes: Record<string, unknown> = {};
  error: BatonError | undefined;
  ends = 0;
  /** True when a child was still open at this stage's end. */
  leftOpen = false;

  constructor(name: string, header: ExternalTraceHeader | undefined, attributes: Attributes = {}) {
    this.name = name;
    this.header = header;
    this.setAttributes(attributes);
  }

  get ended(): boolean {
    return this.ends > 0;
  }

  get recording(): boolean {
    return !this.ended;
  }

  wants(): boolean {
    return !this.ended;
  }

  stage(name: string, options: { readonly attributes?: Attributes } = {}): Stage {
    const child = new RecordedStage(name, this.header, options.attributes);
    this.children.push(child);
    return child;
  }

  record(): void {}

  setAttributes(attributes: Attributes): void {
    Object.assign(this.attributes, attributes);
  }

  event(name: string, attributes: Attributes = {}): void {
    this.events.push({ name, attributes });
  }

  run<T>(fn: () => T): T {
    return fn();
  }

  end(attributes: Attributes = {}): void {
    this.setAttributes(attributes);
    this.leftOpen = this.children.some((child) => !child.ended);
    this.ends += 1;
  }

  fail(error: BatonError): void {
    this.error = error;
    this.end();
  }

  /** The first stage of this name in the tree. */
  find(name: string): RecordedStage | undefined {
    if (this.name === name) return this;
    for (const child of this.children) {
      const found = child.find(name);
      if (found) return found;
    }
    return undefined;
  }

  /** Names of stages that ended not exactly once, or before what is below them. */
  defects(): string[] {
    const own = this.ends !== 1 || this.leftOpen ? [this.name] : [];
    return [...own, ...this.children.flatMap((child) => child.defects())];
  }
}

export class RecordingTracer implements RequestTracer {
  level: TraceLevel = 3;
  readonly roots: RecordedStage[] = [];

  /** The level of each root. */
  readonly levels: TraceLevel[] = [];

  startRequest(
    requestId: string,
    header: ExternalTraceHeader | undefined,
    attributes?: Attributes,
    options: RequestOptions = {},
  ): Stage {
    const root = new RecordedStage(`Req ${requestId}`, header, attributes);
    this.roots.push(root);
    this.levels.push(options.level ?? this.level);
    return root;
  }

  continueRequest(): never {
    throw new Error("Cannot continue a request: a router only starts them");
  }

  traces(): boolean {
    return true;
  }

  recordStandalone(): void {}

  get open(): number {
    return this.roots.filter((root) => !root.ended).length;
  }
}
