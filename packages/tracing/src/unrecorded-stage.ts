/** A request that leaves no trace: its stages do nothing, and its header is passed on. */
import type { ExternalTraceHeader } from "@baton/core";
import { context as contextApi, ROOT_CONTEXT, trace as traceApi } from "@opentelemetry/api";
import { parseHeader } from "./carrier.ts";
import { withRequest } from "./request-context.ts";
import type { Stage } from "./request-trace.ts";

export class UnrecordedStage implements Stage {
  readonly header: ExternalTraceHeader | undefined;
  readonly ended = false;
  readonly recording = false;

  /** @param header what the next hop gets */
  constructor(header: ExternalTraceHeader | undefined) {
    this.header = header;
  }

  wants(): boolean {
    return false;
  }

  stage(): Stage {
    return this;
  }

  record(): void {}

  setAttributes(): void {}

  event(): void {}

  run<T>(fn: () => T): T {
    const read = this.header && parseHeader(this.header);
    const parent = read ? traceApi.setSpanContext(ROOT_CONTEXT, read.context) : ROOT_CONTEXT;
    return contextApi.with(withRequest(parent, { level: 0 }), fn);
  }

  end(): void {}

  fail(): void {}
}
