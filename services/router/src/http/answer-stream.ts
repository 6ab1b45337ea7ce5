/**
 * An answer as server-sent events. Nothing is sent before there is something to say, so that an early error still has
 * its HTTP status; a later one is the last event, without `[DONE]`.
 */
import type { BatonError, Usage } from "@baton/core";
import { SPAN, type Stage } from "@baton/tracing";
import type { FastifyReply } from "fastify";
import type { AnswerEvent } from "../pipeline/choices.ts";
import type { AnswerFormat, AnswerUsage } from "./answer-format.ts";
import { errorBody } from "./error-body.ts";
import type { RequestScope } from "./request-scope.ts";
import { SseStream } from "./sse-stream.ts";

export interface AnswerStreamOptions {
  readonly format: AnswerFormat;
  /** Adds a chunk with the token counts. */
  readonly includeUsage: boolean;
  /** Adds to that where the time went. */
  readonly includeTiming: boolean;
  readonly reply: FastifyReply;
  readonly scope: RequestScope;
}

export class AnswerStream {
  readonly #options: AnswerStreamOptions;
  readonly #begun = new Set<number>();
  #open: { readonly events: SseStream; readonly stage: Stage } | undefined;

  constructor(options: AnswerStreamOptions) {
    this.#options = options;
  }

  async write(event: AnswerEvent): Promise<void> {
    const { format, includeUsage } = this.#options;
    this.#open ??= this.#start();
    const { events, stage } = this.#open;
    switch (event.type) {
      case "text":
        await this.#openChoice(event.choice, events);
        return events.send(format.text(event));
      case "end":
        await this.#openChoice(event.choice, events);
        return events.send(format.closing(event));
      case "usage":
        if (includeUsage) await events.send(format.usage(withTiming(event.usage, this.#options)));
        events.end("[DONE]");
        stage.end();
    }
  }

  /** Ends a stream that has begun with the error; does nothing to one that has not. */
  fail(error: BatonError): void {
    if (!this.#open || this.#open.stage.ended) return;
    this.#open.events.end(errorBody(error));
    this.#open.stage.fail(error);
  }

  #start(): { readonly events: SseStream; readonly stage: Stage } {
    const { reply, scope } = this.#options;
    const stage = scope.trace.stage(SPAN.streamOut);
    reply.hijack();
    const events = new SseStream(reply.raw, scope.headers, scope.signal);
    return { events, stage };
  }

  async #openChoice(choice: number, events: SseStream): Promise<void> {
    if (this.#begun.has(choice)) return;
    this.#begun.add(choice);
    for (const chunk of this.#options.format.opening(choice)) await events.send(chunk);
  }
}

/** The usage as this client is to see it. */
export function withTiming(
  usage: Usage,
  { includeTiming, scope }: Pick<AnswerStreamOptions, "includeTiming" | "scope">,
): AnswerUsage {
  return includeTiming ? { ...usage, timing: scope.figures.split() } : usage;
}
