/**
 * Puts the DATA frames of one prompt into its blocks.
 *
 *   V1  Frames come in order, one block each, without gap or overlap; anything else is refused before a byte is taken.
 *   V2  A frame counts only once its checksum is verified.
 */
import { type KvLayout, kvBytesPerBlock, kvBytesPerToken, systemClock } from "@baton/core";
import { unpackBlock } from "./block-packing.ts";
import { checksumOf } from "./checksum.ts";
import type { DataSink } from "./frame-parser.ts";
import { protocolError } from "./protocol-error.ts";
import type { FrameRecord } from "./transfer-api.ts";
import { TransferTally } from "./transfer-tally.ts";
import type { FrameFields } from "./wire-format.ts";

/** Where the KV goes, and who learns of it. */
export interface BlockReceiverOptions {
  readonly promptTokens: number;
  readonly layout: KvLayout;
  readonly block: (index: number) => Uint8Array;
  /** A frame begins: throws if none may come now. */
  readonly onStart: () => void;
  readonly onFrame: (frame: FrameRecord) => void;
}

interface OpenFrame {
  readonly fields: FrameFields<"data">;
  readonly body: Uint8Array;
  readonly startedAt: number;
}

export class BlockReceiver implements DataSink {
  readonly maxBodyBytes: number;
  readonly tally = new TransferTally();
  readonly #options: BlockReceiverOptions;
  #frame: OpenFrame | undefined;

  constructor(options: BlockReceiverOptions) {
    this.#options = options;
    this.maxBodyBytes = kvBytesPerBlock(options.layout);
  }

  onDataStart(fields: FrameFields<"data">, bodyBytes: number): Uint8Array {
    this.#options.onStart();
    this.#check(fields, bodyBytes);
    const body = this.#isFull(fields) ? this.#blockOf(fields) : new Uint8Array(bodyBytes);
    this.#frame = { fields, body, startedAt: systemClock.now() };
    return body;
  }

  onDataEnd(): void {
    const { fields, body, startedAt } = this.#frame!; // The parser calls onDataStart first.
    const { start, count, checksum } = fields;
    const actual = checksumOf(body);
    if (actual !== checksum) {
      throw protocolError(
        `checksum of tokens ${start} to ${start + count} is ${actual}, expected ${checksum}`,
      );
    }
    if (!this.#isFull(fields)) unpackBlock(body, this.#blockOf(fields), this.#options.layout, count);
    this.tally.add(count, body.length, checksum);
    this.#frame = undefined;
    this.#options.onFrame({ start, count, bytes: body.length, startedAt, endedAt: systemClock.now() });
  }

  /** Compares what came with what DONE says was sent. */
  checkDone(done: FrameFields<"done">): void {
    const received = this.tally.fields();
    const { promptTokens } = this.#options;
    if (received.tokens !== promptTokens) {
      throw protocolError(`got KV of ${received.tokens} tokens, expected ${promptTokens}`);
    }
    for (const field of ["tokens", "frames", "bytes", "checksum"] as const) {
      if (done[field] !== received[field]) {
        throw protocolError(`"${field}" of frame "done" is ${done[field]}, expected ${received[field]}`);
      }
    }
  }

  #check({ start, count }: FrameFields<"data">, bodyBytes: number): void {
    const { promptTokens, layout } = this.#options;
    const expectedStart = this.tally.tokens;
    const expectedCount = Math.min(layout.blockSize, promptTokens - expectedStart);
    if (start !== expectedStart || count !== expectedCount) {
      throw protocolError(
        `frame "data" is ${count} tokens from ${start}, expected ${expectedCount} from ${expectedStart}`,
      );
    }
    const expectedBytes = count * kvBytesPerToken(layout);
    if (bodyBytes !== expectedBytes) {
      throw protocolError(`KV of ${count} tokens is ${bodyBytes} bytes, expected ${expectedBytes}`);
    }
  }

  #isFull({ count }: FrameFields<"data">): boolean {
    return count === this.#options.layout.blockSize;
  }

  #blockOf({ start }: FrameFields<"data">): Uint8Array {
    return this.#options.block(start / this.#options.layout.blockSize);
  }
}
