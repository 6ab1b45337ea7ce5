/** The router's half of registration: each worker's stream holds a lease, and the end of one is the end of the other. */
import { BatonError, type Logger } from "@baton/core";
import type { InMemoryWorkerRegistry } from "@baton/registry";
import type { ServerDuplexStream } from "@grpc/grpc-js";
import type { AnnouncementReply } from "./generated/baton/v1/AnnouncementReply.ts";
import type { WorkerAnnouncement__Output } from "./generated/baton/v1/WorkerAnnouncement.ts";
import type { WorkerRegistryHandlers } from "./generated/baton/v1/WorkerRegistry.ts";
import { toStatusError } from "./status.ts";
import { fromAnnouncement } from "./worker-messages.ts";

type AttachCall = ServerDuplexStream<WorkerAnnouncement__Output, AnnouncementReply>;

/** Handlers with their open streams, which a shutdown ends first: they carry no work. */
export class RegistryHandlers {
  readonly handlers: WorkerRegistryHandlers = { Attach: (call) => this.#attach(call) };
  readonly #registry: InMemoryWorkerRegistry;
  readonly #logger: Logger;
  readonly #open = new Set<AttachCall>();

  constructor(registry: InMemoryWorkerRegistry, logger: Logger) {
    this.#registry = registry;
    this.#logger = logger;
  }

  /** Ends every stream; workers then look for the router anew. */
  close(): void {
    for (const call of this.#open) call.end();
  }

  #attach(call: AttachCall): void {
    const lease = this.#registry.attach();
    this.#open.add(call);
    const leave = () => {
      lease.end();
      this.#open.delete(call);
    };
    call.on("data", (message) => {
      if (!this.#open.has(call)) return;
      try {
        lease.announce(fromAnnouncement(message));
        call.write({ heartbeatMs: this.#registry.heartbeatMs });
      } catch (reason) {
        leave();
        this.#refuse(call, message.id, BatonError.from(reason));
      }
    });
    call.on("end", () => call.end());
    call.on("cancelled", leave); // Comes at the end of every call.
    call.on("close", leave);
  }

  #refuse(call: AttachCall, worker: string, error: BatonError): void {
    this.#logger.warn({ err: error, worker }, "Worker refused");
    call.emit("error", toStatusError(error));
  }
}
