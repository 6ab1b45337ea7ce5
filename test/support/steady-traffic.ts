/** Clients that never stop asking, one request after the other, until they are told to. */
import { once } from "node:events";

/** One request; resolves with what was wrong about its answer, or undefined. */
export type Ask = () => Promise<string | undefined>;

export class SteadyTraffic {
  readonly #stopping = new AbortController();
  readonly #answered = new EventTarget();
  readonly #clients: Promise<unknown>;
  readonly #complaints: string[] = [];
  #count = 0;

  /** Each of `asks` is a client of its own. */
  constructor(asks: readonly Ask[]) {
    this.#clients = Promise.all(asks.map((ask) => this.#repeat(ask)));
  }

  /** What was wrong so far. */
  get complaints(): readonly string[] {
    return this.#complaints;
  }

  /** Resolves once so many more requests have been answered. */
  async more(requests: number): Promise<void> {
    for (let last = this.#count + requests; this.#count < last; ) await once(this.#answered, "one");
  }

  /** Resolves with the first answer that comes so many ms from now, or later. */
  async for(ms: number): Promise<void> {
    for (const end = performance.now() + ms; performance.now() < end; ) await once(this.#answered, "one");
  }

  /** Lets the running requests end. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#clients;
  }

  async #repeat(ask: Ask): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      const complaint = await ask().catch((reason: unknown) => String(reason));
      if (complaint !== undefined) this.#complaints.push(complaint);
      this.#count += 1;
      this.#answered.dispatchEvent(new Event("one"));
    }
  }
}
