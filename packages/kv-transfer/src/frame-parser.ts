/**
 * Cuts a byte stream into frames, however the stream is split, and never holds more than one frame of bounded size.
 *
 *   P1  There is always one target, the memory that the next bytes go to; a full target decides the next one.
 *   P2  A header is checked before memory is taken for its payload.
 *   P3  Keys and values go straight from the read buffer into the memory that the sink names.
 *   P4  After `stop`, or after an error was thrown, no byte is looked at, and none is wanted.
 */
import { assertNever, BatonError } from "@baton/core";
import { decodeFields, decodeHeader } from "./frame-codec.ts";
import { protocolError } from "./protocol-error.ts";
import {
  type ControlFrame,
  DATA_HEAD_BYTES,
  FRAME_SPECS,
  type FrameFields,
  type FrameType,
  fieldBytes,
  frameTypeOf,
  HEADER_BYTES,
  MAGIC,
  PROTOCOL_VERSION,
} from "./wire-format.ts";

/** Where DATA frames go. */
export interface DataSink {
  /** Most bytes of keys and values in one frame. */
  readonly maxBodyBytes: number;
  /** DATA's fields are read: returns where the `bodyBytes` bytes that follow go, a view of exactly that length. */
  onDataStart(fields: FrameFields<"data">, bodyBytes: number): Uint8Array;
  /** The last of those bytes is there. */
  onDataEnd(): void;
}

/** What a parser reads and who gets it. */
export interface FrameParserOptions {
  /** The side that sends; frames of the other side are refused. */
  readonly from: "decode" | "prefill";
  readonly onFrame: (frame: ControlFrame) => void;
  /** Without it, DATA is refused. */
  readonly data?: DataSink;
}

const NOTHING = new Uint8Array();

type Phase =
  | { readonly kind: "header" }
  | { readonly kind: "control"; readonly type: ControlFrame["type"] }
  | { readonly kind: "data-head"; readonly bodyBytes: number }
  | { readonly kind: "data-body" };

export class FrameParser {
  readonly #options: FrameParserOptions;
  readonly #header = new Uint8Array(HEADER_BYTES);
  readonly #dataHead = new Uint8Array(DATA_HEAD_BYTES);
  #phase: Phase = { kind: "header" };
  #target: Uint8Array = this.#header;
  #filled = 0;
  #stopped = false;

  constructor(options: FrameParserOptions) {
    this.#options = options;
  }

  /**
   * Takes the next bytes; calls back for each frame they complete. Keeps no reference to `chunk`.
   * @throws BatonError `kv_transfer_failed` for what is not a frame, `kv_mismatch` for another protocol version.
   */
  feed(chunk: Uint8Array): void {
    let at = 0;
    while (!this.#stopped) {
      if (this.#filled === this.#target.length) {
        this.#complete();
        continue;
      }
      if (at === chunk.length) return;
      const size = Math.min(chunk.length - at, this.#target.length - this.#filled);
      this.#target.set(chunk.subarray(at, at + size), this.#filled);
      this.#filled += size;
      at += size;
    }
  }

  /** Where the next bytes go that are keys and values, if so many of them are missing: they may be written there. */
  wanted(atLeast: number): Uint8Array | undefined {
    if (this.#stopped || this.#phase.kind !== "data-body") return undefined;
    const missing = this.#target.subarray(this.#filled);
    return missing.length >= atLeast ? missing : undefined;
  }

  /** The first `count` bytes of what was wanted are written. Calls back and throws as `feed` does. */
  written(count: number): void {
    this.#filled += count;
    this.feed(NOTHING);
  }

  /** Ends parsing, also from within a callback. */
  stop(): void {
    this.#stopped = true;
  }

  #complete(): void {
    try {
      this.#advance();
    } catch (error) {
      this.#stopped = true;
      throw error;
    }
  }

  #advance(): void {
    const phase = this.#phase;
    switch (phase.kind) {
      case "header":
        this.#onHeader();
        break;
      case "control":
        this.#onControl(phase.type);
        break;
      case "data-head":
        this.#onDataHead(phase.bodyBytes);
        break;
      case "data-body":
        this.#expect({ kind: "header" }, this.#header);
        this.#options.data?.onDataEnd();
        break;
      default:
        assertNever(phase);
    }
  }

  #expect(phase: Phase, target: Uint8Array, filled = 0): void {
    this.#phase = phase;
    this.#target = target;
    this.#filled = filled;
  }

  #onHeader(): void {
    const header = decodeHeader(this.#header);
    const type = this.#checkHeader(header);
    if (type === "data") {
      const bodyBytes = header.payloadBytes - DATA_HEAD_BYTES;
      this.#expect({ kind: "data-head", bodyBytes }, this.#dataHead);
      return;
    }
    const frame = new Uint8Array(HEADER_BYTES + header.payloadBytes);
    frame.set(this.#header);
    this.#expect({ kind: "control", type }, frame, HEADER_BYTES);
  }

  #checkHeader(header: ReturnType<typeof decodeHeader>): FrameType {
    if (header.magic !== MAGIC) {
      throw protocolError(`frame starts with ${hex(header.magic)}, expected ${hex(MAGIC)}`);
    }
    if (header.version !== PROTOCOL_VERSION) {
      throw new BatonError(
        "kv_mismatch",
        `protocol version of the peer is ${header.version}, expected ${PROTOCOL_VERSION}`,
      );
    }
    const type = frameTypeOf(header.type);
    if (!type || !this.#mayCome(type)) {
      throw protocolError(
        `frame type is ${type ? `"${type}"` : header.type}, expected one of this direction`,
      );
    }
    if (header.reserved !== 0) throw protocolError(`reserved field is ${header.reserved}, expected 0`);
    this.#checkLength(type, header.payloadBytes);
    return type;
  }

  #mayCome(type: FrameType): boolean {
    if (type === "data" && !this.#options.data) return false;
    const { from } = FRAME_SPECS[type];
    return from === "either" || from === this.#options.from;
  }

  #checkLength(type: FrameType, payloadBytes: number): void {
    const { min, max } = fieldBytes(FRAME_SPECS[type].fields);
    const limit = type === "data" ? max + (this.#options.data?.maxBodyBytes ?? 0) : max;
    if (payloadBytes < min || payloadBytes > limit) {
      throw protocolError(`payload of frame "${type}" is ${payloadBytes} bytes, expected ${min} to ${limit}`);
    }
  }

  #onControl(type: ControlFrame["type"]): void {
    const bytes = this.#target;
    const fields = decodeFields(type, bytes.subarray(HEADER_BYTES));
    this.#expect({ kind: "header" }, this.#header);
    this.#options.onFrame({ type, fields, bytes } as ControlFrame);
  }

  #onDataHead(bodyBytes: number): void {
    const body = this.#options.data?.onDataStart(decodeFields("data", this.#dataHead), bodyBytes);
    if (body?.length !== bodyBytes) {
      throw new BatonError("internal", `memory for KV is ${body?.length} bytes, expected ${bodyBytes}`);
    }
    this.#expect({ kind: "data-body" }, body);
  }
}

function hex(value: number): string {
  return `0x${value.toString(16).padStart(8, "0")}`;
}
