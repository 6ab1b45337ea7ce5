/**
 * An answer as server-sent events. Nothing is sent before there is something to say, so that an early error still has
 * its HTTP status; a later one is the last event, without `[DONE]`.
 */
import type { BatonError } from "@baton/core";
import { SPAN, type Stage } from "@baton/tracing";
import type { FastifyReply } from "fastify";
import type { AnswerEvent } from "../pipeline/respond.ts";
import type { AnswerFormat } from "./answer-format.ts";
import { errorBody } from "./error-body.ts";
import { REQUEST_ID_HEADER } from "./request-id.ts";
import type { RequestScope } from "./request-scope.ts";
import { SseStream } from "./sse-stream.ts";

export interface AnswerStreamOptions {
  readonly format: AnswerFormat;
  /** Adds a chunk with the token counts. */
  readonly includeUsage: boolean;
  readonly reply: FastifyReply;
  readonly scope: RequestScope;
}

export class AnswerStream {
  readonly #options: AnswerStreamOptions;
  #open: { readonly events: SseStream; readonly stage: Stage } | undefined;

  constructor(options: AnswerStreamOptions) {
    this.#options = options;
  }

  async write(event: AnswerEvent): Promise<void> {
    const { format, includeUsage } = this.#options;
    const { events, stage } = this.#open ?? (await this.#start());
    if (event.type === "text") return events.send(format.text(event.text));
    await events.send(format.closing(event.reason));
    if (includeUsage) await events.send(format.usage(event.usage));
    events.end("[DONE]");
    stage.end();
  }

  /** Ends a stream that has begun with the error; does nothing to one that has not. */
  fail(error: BatonError): void {
    if (!this.#open || this.#open.stage.ended) return;
    this.#open.events.end(errorBody(error));
    this.#open.stage.fail(error);
  }

  async #start(): Promise<{ readonly events: SseStream; readonly stage: Stage }> {
    const { format, reply, scope } = this.#options;
    const stage = scope.trace.stage(SPAN.streamOut);
    reply.hijack();
    const events = new SseStream(reply.raw, { [REQUEST_ID_HEADER]: scope.id }, scope.signal);
    const open = { events, stage };
    this.#open = open;
    for (const chunk of format.opening()) await events.send(chunk);
    return open;
  }
}
