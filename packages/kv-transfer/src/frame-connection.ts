/**
 * One TCP connection that speaks frames, on either side.
 *
 *   C1  `onFailure` is called at most once, and never after `finish`, `abort` or `destroy`; no frame follows any of them.
 *   C2  Every connection ends: after the last frame the peer has `lingerMs` to take it, then the socket is destroyed.
 *   C3  While it lingers, what still arrives is read and dropped. Closing a socket with unread input would reset the
 *       connection, and the peer could lose the ABORT.
 *   C4  The callback of every `sendData` is called, at the latest when the socket is destroyed.
 *   C5  The socket reads keys and values straight into the memory that they are for, and never after `finish`, `abort`,
 *       `destroy` or a failure. Where it is set to do so, it stops to read; C3 is then not kept.
 */
import type { Socket } from "node:net";
import { BatonError, hostPort, isErrorCode } from "@baton/core";
import type { TlsIdentity } from "@baton/tls";
import { cutText, encodeFrame } from "./frame-codec.ts";
import { type DataSink, FrameParser } from "./frame-parser.ts";
import { openSocket } from "./kv-sockets.ts";
import type { ControlRecord } from "./transfer-api.ts";
import { type ControlFrame, type FrameFields, type FrameType, MAX_ABORT_TEXT_BYTES } from "./wire-format.ts";

/** For everything but keys and values. */
const READ_BUFFER_BYTES = 64 * 1024;
/** Fewer missing bytes are not worth a read of their own. */
const MIN_DIRECT_BYTES = 16 * 1024;

/** Who gets what a connection reads. */
export interface ConnectionHandler {
  onFrame(frame: ControlFrame): void;
  /** The peer is gone (`worker_lost`) or broke the protocol. `abort` still tells the peer, where there is one. */
  onFailure(error: BatonError): void;
}

/** Where to connect to, and what to do with what comes. */
export interface ConnectOptions {
  readonly host: string;
  readonly port: number;
  /** Undefined where nothing is encrypted. */
  readonly tls: TlsIdentity | undefined;
  readonly handler: ConnectionHandler;
  readonly data: DataSink;
  readonly lingerMs: number;
}

export class FrameConnection {
  /** `host:port` of the peer. */
  readonly address: string;
  /** Settles when the socket is closed. */
  readonly closed: Promise<void>;
  readonly #socket: Socket;
  readonly #parser: FrameParser;
  readonly #lingerMs: number;
  #handler: ConnectionHandler;
  #watch: ((frame: ControlRecord) => void) | undefined;
  #silent = false;
  #finishing = false;
  #linger: NodeJS.Timeout | undefined;
  #socketError: NodeJS.ErrnoException | undefined;
  /** What the socket is set to read into is memory for keys and values. */
  #readsDirectly = false;
  /** A read is being handled; the socket asks for memory again after it. */
  #handlesRead = false;

  private constructor(
    socket: Socket,
    address: string,
    from: "decode" | "prefill",
    options: {
      readonly handler: ConnectionHandler;
      readonly data?: DataSink;
      readonly lingerMs: number;
    },
  ) {
    const { handler, data, lingerMs } = options;
    this.#socket = socket;
    this.address = address;
    this.#handler = handler;
    this.#lingerMs = lingerMs;
    this.#parser = new FrameParser({
      from,
      onFrame: (frame) => {
        this.#watch?.({ type: frame.type, direction: "received" });
        this.#handler.onFrame(frame);
      },
      ...(data && { data }),
    });
    const { promise, resolve } = Promise.withResolvers<void>();
    this.closed = promise;
    socket.on("error", (error) => {
      this.#socketError = error;
    });
    socket.on("end", () => this.#onGone());
    socket.on("close", () => {
      clearTimeout(this.#linger);
      this.#onGone();
      resolve();
    });
  }

  /** Prefill side: a connection that was just accepted. */
  static accept(socket: Socket, handler: ConnectionHandler, lingerMs: number): FrameConnection {
    const address = hostPort(socket.remoteAddress ?? "unknown", socket.remotePort ?? 0);
    const connection = new FrameConnection(socket, address, "decode", { handler, lingerMs });
    socket.on("data", (chunk) => connection.#feed(chunk));
    return connection;
  }

  /** Decode side: connects; what is sent meanwhile goes out once connected. */
  static connect(options: ConnectOptions): FrameConnection {
    const { host, port, tls } = options;
    const readBuffer = Buffer.allocUnsafeSlow(READ_BUFFER_BYTES);
    let connection: FrameConnection | undefined; // There is none yet when the socket first asks for memory.
    const socket = openSocket(tls, {
      host,
      port,
      onread: {
        buffer: () => (connection ? connection.#memoryToRead() : undefined) ?? readBuffer,
        callback: (bytes, buffer) => {
          if (connection) connection.#onRead(bytes, buffer === readBuffer ? readBuffer : undefined);
          return true;
        },
      },
    });
    connection = new FrameConnection(socket, hostPort(host, port), "prefill", options);
    return connection;
  }

  /** From now on `handler` gets what is read. */
  attach(handler: ConnectionHandler): void {
    this.#handler = handler;
  }

  /** From now on `watch` is told of every frame that has no body. */
  watch(watch: ((frame: ControlRecord) => void) | undefined): void {
    this.#watch = watch;
  }

  /** Sends a frame that has no body. */
  send<T extends Exclude<FrameType, "data">>(type: T, fields: FrameFields<T>): void {
    this.#watch?.({ type, direction: "sent" });
    this.sendBytes(encodeFrame(type, fields));
  }

  /** Sends an encoded frame. */
  sendBytes(frame: Uint8Array): void {
    this.#socket.write(frame);
  }

  /** Sends a DATA frame; `body` is read, not copied, until `written` is called: with false if it did not all go out. */
  sendData(fields: FrameFields<"data">, body: Uint8Array, written: (complete: boolean) => void): void {
    this.#socket.cork(); // One system call for both parts.
    this.#socket.write(encodeFrame("data", fields, body.length));
    this.#socket.write(Buffer.from(body.buffer, body.byteOffset, body.length), (error) => written(!error));
    this.#socket.uncork();
  }

  /** Closes once everything sent has gone out. */
  finish(): void {
    this.#silence();
    if (this.#finishing) return;
    this.#finishing = true;
    if (this.#socket.connecting || this.#socket.destroyed) {
      this.#socket.destroy();
      return;
    }
    this.#linger = setTimeout(() => this.#socket.destroy(), this.#lingerMs);
    this.#socket.end();
  }

  /** Tells the peer why, then closes as `finish` does. */
  abort(error: BatonError): void {
    if (!this.#finishing && this.#socket.writable && !this.#socket.connecting) {
      this.send("abort", { code: error.code, text: cutText(error.message, MAX_ABORT_TEXT_BYTES) });
    }
    this.finish();
  }

  /** Closes at once; what was not sent is dropped. */
  destroy(): void {
    this.#silence();
    this.#finishing = true;
    this.#socket.destroy();
  }

  #silence(): void {
    this.#silent = true;
    this.#parser.stop();
    if (this.#readsDirectly && !this.#handlesRead) this.#socket.pause(); // C5
  }

  #memoryToRead(): Uint8Array | undefined {
    const memory = this.#parser.wanted(MIN_DIRECT_BYTES);
    this.#readsDirectly = memory !== undefined;
    return memory;
  }

  /** The socket has read into `buffer`, or into what `#memoryToRead` gave it. */
  #onRead(bytes: number, buffer: Uint8Array | undefined): void {
    this.#handlesRead = true;
    if (buffer) this.#feed(buffer.subarray(0, bytes));
    else this.#parse(() => this.#parser.written(bytes));
    this.#handlesRead = false;
  }

  #feed(chunk: Uint8Array): void {
    this.#parse(() => this.#parser.feed(chunk));
  }

  #parse(next: () => void): void {
    if (this.#silent) return;
    try {
      next();
    } catch (error) {
      this.#fail(BatonError.from(error));
    }
  }

  #onGone(): void {
    const reason = this.#socketError ? this.#socketError.message : "the peer closed the connection";
    this.#fail(new BatonError("worker_lost", `connection lost, ${reason}`, { cause: this.#socketError }));
  }

  #fail(error: BatonError): void {
    if (this.#silent) return;
    this.#silence();
    this.#handler.onFailure(error);
  }
}

/** What a peer's ABORT says, as the error that this side ends with: the same code, if it is one of the closed list. */
export function abortedByPeer(fields: FrameFields<"abort">): BatonError {
  const code = isErrorCode(fields.code) ? fields.code : "kv_transfer_failed";
  return new BatonError(code, `the peer aborted with "${fields.code}": ${fields.text}`);
}
