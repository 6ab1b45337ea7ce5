/**
 * The router and its workers as processes on this machine.
 * The router comes first, since it tells where workers announce themselves; a restarted router keeps its ports, so
 * workers find it again and clients keep their address.
 */
import type { ReadyMessage } from "@baton/lifecycle";
import type { RouterPorts, ServicePlan, ServiceSpec } from "./service-plan.ts";
import { SupervisedService, type SupervisorContext } from "./supervised-service.ts";

export class LocalCluster {
  /** Settles with the exit code of a service that no restart can mend. */
  readonly failed: Promise<number>;
  readonly #plan: ServicePlan;
  readonly #context: SupervisorContext;
  readonly #onFatal: (exitCode: number) => void;
  readonly #services: SupervisedService[] = [];
  #stopping = false;

  constructor(plan: ServicePlan, context: SupervisorContext) {
    const failed = Promise.withResolvers<number>();
    this.failed = failed.promise;
    this.#onFatal = failed.resolve;
    this.#plan = plan;
    this.#context = context;
  }

  /**
   * Starts the router, then the workers; resolves with the port of the API when the router listens.
   * @param httpPort port of the API; 0 lets the router pick.
   */
  start(httpPort: number): Promise<number> {
    const listening = Promise.withResolvers<number>();
    let ports: RouterPorts = { http: httpPort, registry: 0 };
    let started = false;
    this.#supervise(
      "router",
      () => this.#plan.router(ports),
      ({ http = "", grpc = "" }) => {
        ports = { http: portOf(http), registry: portOf(grpc) };
        if (!started) this.#startWorkers(grpc);
        started = true;
        listening.resolve(ports.http);
      },
    );
    return listening.promise;
  }

  /** Stops every process; resolves when none is left. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await Promise.all(this.#services.map((service) => service.stop()));
  }

  #startWorkers(registry: string): void {
    for (const spec of this.#plan.workers(registry))
      this.#supervise(
        spec.name,
        () => spec,
        () => {},
      );
  }

  #supervise(
    name: string,
    launch: () => ServiceSpec,
    onReady: (addresses: ReadyMessage["addresses"]) => void,
  ): void {
    if (this.#stopping) return;
    let ready = false;
    const listener = {
      onReady: (addresses: ReadyMessage["addresses"]) => {
        if (ready) this.#context.print(`${name} is back`);
        ready = true;
        onReady(addresses);
      },
      onFatal: this.#onFatal,
    };
    const service = new SupervisedService(name, launch, listener, this.#context);
    this.#services.push(service);
    service.start();
  }
}

function portOf(address: string): number {
  return Number(address.slice(address.lastIndexOf(":") + 1));
}
