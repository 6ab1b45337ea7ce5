/** A request straight to a pair of workers: what it takes without a router. */
import { randomBytes, randomUUID } from "node:crypto";
import { bootstrapRoom, NEUTRAL_SAMPLING, requestId } from "@baton/core";
import { createDecodeClient, createPrefillClient, type DecodeClient, type PrefillClient } from "@baton/rpc";
import type { Timing } from "./raw-client.ts";

export interface PairAddresses {
  readonly prefill: string;
  readonly decode: string;
  /** `host:port` where the prefill worker offers KV. */
  readonly kv: string;
}

export class DirectClient implements Disposable {
  readonly #prefill: PrefillClient;
  readonly #decode: DecodeClient;
  readonly #kv: { readonly host: string; readonly port: number };

  constructor({ prefill, decode, kv }: PairAddresses) {
    this.#prefill = createPrefillClient(prefill);
    this.#decode = createDecodeClient(decode);
    const [host, port] = kv.split(":") as [string, string];
    this.#kv = { host, port: Number(port) };
  }

  /** Both legs, as the router makes them. */
  async generate(promptTokenIds: readonly number[], maxTokens: number): Promise<Timing> {
    const startedAt = performance.now();
    const request = {
      requestId: requestId(randomUUID()),
      promptTokenIds,
      sampling: { ...NEUTRAL_SAMPLING, temperature: 0, maxTokens },
      deadline: Date.now() + 60_000,
    };
    const room = bootstrapRoom(randomBytes(8).readBigUInt64LE() >> 1n);
    const { signal } = new AbortController();
    const prefill = this.#prefill.prefill({ request, room, attempt: 1, header: undefined }, { signal });
    let firstTokenAt = 0;
    const events = this.#decode.generate(
      { request, handover: { ...this.#kv, room }, attempt: 1, header: undefined },
      { signal },
    );
    for await (const _ of events) firstTokenAt ||= performance.now();
    await prefill;
    return { startedAt, firstTokenAt, endedAt: performance.now() };
  }

  [Symbol.dispose](): void {
    this.#prefill.close();
    this.#decode.close();
  }
}
