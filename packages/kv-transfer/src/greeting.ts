import type { Socket } from "node:net";
import { BatonError, workerId } from "@baton/core";
import { type ConnectionHandler, FrameConnection } from "./frame-connection.ts";
import { isProofValid, roomOf, traceOf } from "./hello.ts";
import { during, protocolError } from "./protocol-error.ts";
import type { RoomClaim } from "./room-claim.ts";
import type { ControlFrame } from "./wire-format.ts";

/** What a connection must do to be listened to, and who learns how it went. */
export interface GreetingOptions {
  readonly secret: string | undefined;
  readonly helloTimeoutMs: number;
  readonly lingerMs: number;
  readonly onClaim: (claim: RoomClaim) => void;
  readonly onRefused: (error: BatonError) => void;
}

/** An accepted connection until it has said a valid HELLO; anything else, or too late, and it is told why and closed. */
export class Greeting implements ConnectionHandler {
  readonly connection: FrameConnection;
  readonly #options: GreetingOptions;
  readonly #timer: NodeJS.Timeout;

  constructor(socket: Socket, options: GreetingOptions) {
    const { helloTimeoutMs, lingerMs } = options;
    this.#options = options;
    this.connection = FrameConnection.accept(socket, this, lingerMs);
    this.#timer = setTimeout(() => {
      this.onFailure(protocolError(`no complete "hello" came within ${helloTimeoutMs} ms`));
    }, helloTimeoutMs);
  }

  onFrame(frame: ControlFrame): void {
    const claim = this.#claimOf(frame);
    clearTimeout(this.#timer);
    this.#options.onClaim(claim);
  }

  onFailure(reason: BatonError): void {
    clearTimeout(this.#timer);
    const error = during(`Cannot accept a KV connection from ${this.connection.address}`, reason);
    this.connection.abort(error);
    this.#options.onRefused(error);
  }

  #claimOf(frame: ControlFrame): RoomClaim {
    if (frame.type !== "hello") throw protocolError(`first frame is "${frame.type}", expected "hello"`);
    const { fields: hello, bytes } = frame;
    const { secret } = this.#options;
    if (secret !== undefined && !isProofValid(bytes, hello.proof, secret)) {
      const is = hello.proof.length === 0 ? "missing" : "wrong";
      throw new BatonError(
        "unauthenticated",
        `the proof is ${is}, expected one made with the cluster's secret`,
      );
    }
    const { connection } = this;
    return {
      room: roomOf(hello),
      connection,
      hello,
      peer: { workerId: workerId(hello.workerId), epoch: hello.epoch, address: connection.address },
      trace: traceOf(hello),
    };
  }
}
