/**
 * Keeps one worker registered with one router, through the router's restarts.
 *
 *   A1  The latest record is announced at once when it changes, when a stream opens, and with every heartbeat.
 *   A2  At most one stream and one timer exist; every change of state goes through `#enter`, which lets go of the old timer.
 *   A3  A lost router is sought again soon, with growing pauses; one that refuses the worker is asked again slowly.
 */
import { type BatonError, ERROR_TRAITS, type Logger, type WorkerRecord } from "@baton/core";
import type { WorkerAnnouncer } from "@baton/registry";
import type { TlsIdentity } from "@baton/tls";
import * as grpc from "@grpc/grpc-js";
import { clientChannel } from "./credentials.ts";
import type { AnnouncementReply__Output } from "./generated/baton/v1/AnnouncementReply.ts";
import type { WorkerAnnouncement } from "./generated/baton/v1/WorkerAnnouncement.ts";
import { WorkerRegistry } from "./proto.ts";
import { fromServiceError } from "./status.ts";
import { toAnnouncement } from "./worker-messages.ts";

/** First and longest pause before a lost router is sought again, in ms; jitter takes off up to half. */
const RETRY_MS = 100;
const MAX_RETRY_MS = 2000;
/** Pause after a refusal, in ms: somebody has to change a setting first. */
const REFUSED_RETRY_MS = 10_000;
/** What grpc-js says where a connection was made and then lost before its first answer. */
const DROPPED = /Failed to connect|socket hang up|ECONNRESET/;
/** How long a goodbye may take, in ms. */
const GOODBYE_MS = 1000;

/** How to make an announcer. */
export interface GrpcWorkerAnnouncerOptions {
  /** `host:port` of the router's gRPC server. */
  readonly address: string;
  /** Shown to the router, which is then spoken to over TLS. */
  readonly tls?: TlsIdentity | undefined;
  readonly logger: Logger;
  /** Called whenever a router takes the worker in that did not have it. */
  readonly onRegistered?: () => void;
}

type AttachCall = grpc.ClientDuplexStream<WorkerAnnouncement, AnnouncementReply__Output>;

type State =
  | { readonly kind: "idle" }
  /** A stream is open; the router has answered on it if `registered`. The timer is the next heartbeat. */
  | {
      readonly kind: "attached";
      readonly call: AttachCall;
      readonly registered: boolean;
      readonly timer?: NodeJS.Timeout;
    }
  | { readonly kind: "waiting"; readonly timer: NodeJS.Timeout }
  | { readonly kind: "closed"; readonly timer?: NodeJS.Timeout };

/** Makes an announcer that connects with the first announcement. */
export function createGrpcWorkerAnnouncer(options: GrpcWorkerAnnouncerOptions): WorkerAnnouncer {
  return new GrpcWorkerAnnouncer(options);
}

class GrpcWorkerAnnouncer implements WorkerAnnouncer {
  readonly #address: string;
  readonly #tls: TlsIdentity | undefined;
  readonly #logger: Logger;
  readonly #onRegistered: () => void;
  readonly #client;
  readonly #closed = Promise.withResolvers<void>();
  #state: State = { kind: "idle" };
  #record: WorkerRecord | undefined;
  /** Attempts since the router last answered. */
  #failures = 0;

  constructor({ address, tls, logger, onRegistered = () => {} }: GrpcWorkerAnnouncerOptions) {
    this.#address = address;
    this.#tls = tls;
    this.#logger = logger;
    this.#onRegistered = onRegistered;
    this.#client = new WorkerRegistry(address, ...clientChannel(address, tls));
  }

  announce(record: WorkerRecord): void {
    this.#record = record;
    if (this.#state.kind === "idle") this.#attach();
    else if (this.#state.kind === "attached") this.#send(this.#state.call);
  }

  close(): Promise<void> {
    const state = this.#state;
    if (state.kind === "closed") return this.#closed.promise;
    if (state.kind === "attached") {
      state.call.end();
      this.#enter({ kind: "closed", timer: setTimeout(() => state.call.cancel(), GOODBYE_MS) });
    } else {
      this.#finish();
    }
    return this.#closed.promise;
  }

  #attach(): void {
    const call = this.#client.attach();
    this.#enter({ kind: "attached", call, registered: false });
    call.on("data", (reply: AnnouncementReply__Output) => this.#onReply(call, reply));
    call.on("error", () => {}); // Told by the status, which follows.
    call.on("status", (status: grpc.StatusObject) => this.#onEnd(status));
    this.#send(call);
  }

  #send(call: AttachCall): void {
    if (this.#record) call.write(toAnnouncement(this.#record));
  }

  #onReply(call: AttachCall, { heartbeatMs }: AnnouncementReply__Output): void {
    if (this.#state.kind !== "attached") return;
    const isNew = !this.#state.registered;
    this.#failures = 0;
    const timer = setTimeout(() => this.#send(call), heartbeatMs).unref();
    this.#enter({ kind: "attached", call, registered: true, timer });
    if (!isNew) return;
    this.#logger.info({ router: this.#address }, "Registered with the router");
    this.#onRegistered();
  }

  #onEnd(status: grpc.StatusObject): void {
    if (this.#state.kind === "closed") {
      this.#finish();
      return;
    }
    const error = fromServiceError(
      Object.assign(new Error(status.details), status),
      `register with the router at "${this.#address}"`,
    );
    const pause = this.#report(error, status);
    this.#failures += 1;
    this.#enter({ kind: "waiting", timer: setTimeout(() => this.#attach(), pause).unref() });
  }

  /** Logs why the stream ended; returns the pause before the next attempt, in ms. */
  #report(error: BatonError, status: grpc.StatusObject): number {
    const router = this.#address;
    if (status.code !== grpc.status.OK && !ERROR_TRAITS[error.code].retryable) {
      this.#logger.error(
        { router, code: error.code, err: error },
        `The router refuses this worker: ${error.message}`,
      );
      return jittered(REFUSED_RETRY_MS);
    }
    const lost = this.#state.kind === "attached" && this.#state.registered;
    if (lost) this.#logger.warn({ router }, "Lost the router; looking for it again");
    else if (this.#failures === 0) this.#logger.warn({ router, err: error }, this.#unreachable(status));
    return jittered(Math.min(RETRY_MS * 2 ** this.#failures, MAX_RETRY_MS));
  }

  /** A router that wants TLS closes the connection of whoever does not speak it, without a word. */
  #unreachable({ details }: grpc.StatusObject): string {
    if (this.#tls || !DROPPED.test(details)) return "Cannot reach the router yet";
    return "Cannot reach the router yet: it drops the connection, so it may want TLS, for which this worker has no BATON_TLS_CERT_FILE";
  }

  #finish(): void {
    this.#enter({ kind: "closed" });
    this.#client.close();
    this.#closed.resolve();
  }

  #enter(state: State): void {
    if ("timer" in this.#state) clearTimeout(this.#state.timer);
    this.#state = state;
  }
}

/** Between half of `ms` and all of it. */
function jittered(ms: number): number {
  return ms * (0.5 + Math.random() / 2);
}
