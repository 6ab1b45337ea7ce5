/**
 * Sends the blocks of one prompt as they become final.
 *
 *   B1  DATA frames cover the prompt in order, one block each, without gap or overlap.
 *   B2  At most `maxInFlightBytes`, or one block, are handed to the socket and not yet written.
 *   B3  A block is read only between its frame's hand-over to the socket and the frame's callback.
 */
import { type KvLayout, kvBytesPerBlock, systemClock } from "@baton/core";
import { packBlock } from "./block-packing.ts";
import { checksumOf } from "./checksum.ts";
import type { FrameConnection } from "./frame-connection.ts";
import type { FrameRecord } from "./transfer-api.ts";
import { TransferTally } from "./transfer-tally.ts";

/** What to send, and who learns of it. */
export interface BlockSenderOptions {
  readonly promptTokens: number;
  readonly layout: KvLayout;
  readonly block: (index: number) => Uint8Array;
  readonly maxInFlightBytes: number;
  /** A frame left the socket, or was dropped with it (undefined). */
  readonly onWritten: (frame: FrameRecord | undefined) => void;
}

export class BlockSender {
  readonly tally = new TransferTally();
  readonly #options: BlockSenderOptions;
  #pushedTokens = 0;
  #sentTokens = 0;
  #framesInFlight = 0;
  #bytesInFlight = 0;

  constructor(options: BlockSenderOptions) {
    this.#options = options;
  }

  /** Tokens whose KV is final. */
  get pushedTokens(): number {
    return this.#pushedTokens;
  }

  /** True when there is final KV that was not sent. */
  get hasMore(): boolean {
    return this.#pushedTokens > this.#sentTokens;
  }

  /** True when the whole prompt was sent. */
  get complete(): boolean {
    return this.#sentTokens === this.#options.promptTokens;
  }

  /** True when the socket reads from no block. */
  get idle(): boolean {
    return this.#framesInFlight === 0;
  }

  /** Leaves out the prompt's first tokens, whole blocks that the peer holds already. */
  skip(heldTokens: number): void {
    this.#sentTokens = heldTokens;
  }

  /** The KV of the prompt's first `tokens` tokens is final. */
  push(tokens: number): void {
    this.#pushedTokens = tokens;
  }

  /** Hands to the socket what is final and fits into the bound; to be called again after `onWritten`. */
  pump(connection: FrameConnection): void {
    for (let count = this.#nextCount(); count > 0 && this.#fits(); count = this.#nextCount()) {
      this.#sendBlock(connection, count);
    }
  }

  /** Tokens of the next frame: those of one block, once all of them are final; 0 when there is nothing to send. */
  #nextCount(): number {
    const left = this.#options.promptTokens - this.#sentTokens;
    const count = Math.min(this.#options.layout.blockSize, left);
    return this.#pushedTokens >= this.#sentTokens + count ? count : 0;
  }

  #fits(): boolean {
    const { layout, maxInFlightBytes } = this.#options;
    return this.idle || this.#bytesInFlight + kvBytesPerBlock(layout) <= maxInFlightBytes;
  }

  #sendBlock(connection: FrameConnection, count: number): void {
    const { layout, block } = this.#options;
    const start = this.#sentTokens;
    const body = packBlock(block(start / layout.blockSize), layout, count);
    const bytes = body.length;
    const checksum = checksumOf(body);
    const startedAt = systemClock.now();
    this.tally.add(count, bytes, checksum);
    this.#sentTokens += count;
    this.#framesInFlight += 1;
    this.#bytesInFlight += bytes;
    connection.sendData({ start, count, checksum }, body, (complete) => {
      this.#framesInFlight -= 1;
      this.#bytesInFlight -= bytes;
      const record = { start, count, bytes, startedAt, endedAt: systemClock.now() };
      this.#options.onWritten(complete ? record : undefined);
    });
  }
}
