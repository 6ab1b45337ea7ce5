/**
 * Owns a grammar thread as the main thread sees it.
 *
 *   G1  The thread dies once, by `close`, by its grammar or by its time limit; every channel that is open ends with it.
 *   G2  A constraint ends its channel when it is disposed of, so no sampler waits for a sequence that has left.
 */
import { extname } from "node:path";
import { Worker } from "node:worker_threads";
import { BatonError } from "@baton/core";
import type { GrammarThreadData, GrammarThreadReply, GrammarThreadRequest } from "./grammar-protocol.ts";
import { createMaskChannel, endMaskChannel } from "./mask-channel.ts";

/** Beside this file, and like it TypeScript in development and JavaScript in a build. */
const THREAD_MODULE = `./grammar-thread${extname(import.meta.url)}`;

/** What makes the answer of one sequence follow a grammar; its holder disposes of it. */
export interface AnswerConstraint extends Disposable {
  /** Through which the engine thread gets the masks. */
  readonly channel: SharedArrayBuffer;
  /** Starts after the tokens that the answer has already; called once. */
  begin(answered: readonly number[]): void;
}

/** A grammar that is compiled, or is being compiled, in a thread of its own. */
export class CompiledGrammar {
  /** Resolves when the thread is ready; rejects with the reason when it cannot be. */
  readonly ready: Promise<void>;
  readonly #worker: Worker;
  readonly #vocabSize: number;
  readonly #open = new Set<SharedArrayBuffer>();
  readonly #ready = Promise.withResolvers<void>();
  readonly #timer: NodeJS.Timeout;
  #dead = false;

  /** @param limitMs the longest that compiling may take */
  constructor(data: GrammarThreadData, limitMs: number) {
    this.#vocabSize = data.vocabulary.ends.length;
    this.ready = this.#ready.promise;
    this.ready.catch(() => {}); // Told to those who wait for it.
    this.#worker = new Worker(new URL(THREAD_MODULE, import.meta.url), {
      name: "grammar",
      workerData: data,
      env: {},
      execArgv: [],
    });
    this.#worker.unref();
    this.#timer = setTimeout(() => this.#die(tooSlow(limitMs)), limitMs).unref();
    this.#worker.on("message", (reply: GrammarThreadReply) => this.#onReply(reply));
    this.#worker.on("error", (error) => this.#die(BatonError.from(error)));
    this.#worker.on("exit", () =>
      this.#die(new BatonError("internal", "Cannot constrain the answer: the grammar thread has ended")),
    );
  }

  /** Sequences that follow it now. */
  get users(): number {
    return this.#open.size;
  }

  get dead(): boolean {
    return this.#dead;
  }

  constraint(stopTokenIds: readonly number[]): AnswerConstraint {
    const channel = createMaskChannel(this.#vocabSize);
    if (this.#dead) endMaskChannel(channel);
    else this.#open.add(channel);
    return {
      channel,
      begin: (answered) => this.#send({ type: "begin", channel, answered, stopTokenIds }),
      [Symbol.dispose]: () => {
        if (this.#open.delete(channel)) endMaskChannel(channel); // G2
      },
    };
  }

  /** Ends the thread. */
  close(): void {
    this.#die(new BatonError("unavailable", "Cannot constrain the answer: the engine is closing"));
  }

  #send(request: GrammarThreadRequest): void {
    this.#worker.postMessage(request);
  }

  #onReply(reply: GrammarThreadReply): void {
    if (reply.type === "compiled") {
      clearTimeout(this.#timer);
      this.#ready.resolve();
    } else {
      this.#die(new BatonError("invalid_argument", `Cannot constrain the answer: ${reply.message}`));
    }
  }

  #die(reason: BatonError): void {
    if (this.#dead) return;
    this.#dead = true;
    clearTimeout(this.#timer);
    this.#ready.reject(reason);
    for (const channel of this.#open) endMaskChannel(channel); // G1
    this.#open.clear();
    void this.#worker.terminate();
  }
}

function tooSlow(limitMs: number): BatonError {
  return new BatonError(
    "invalid_argument",
    `Cannot constrain the answer: its grammar takes longer than ${limitMs / 1000} s to compile, expected a simpler one (long bounded strings are what takes longest)`,
  );
}
