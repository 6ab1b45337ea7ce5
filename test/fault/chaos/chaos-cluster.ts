/** The cluster of the chaos run: mock workers, one of each role behind proxies that can cut it off from everybody. */
import { Cluster } from "../../support/cluster.ts";
import { LOOK_INSIDE } from "../../support/service-process.ts";
import { DroppingProxy } from "./dropping-proxy.ts";

export interface ChaosClusterOptions {
  /** Workers of each role, one of them behind proxies; at least 2. */
  readonly workersPerRole: number;
  /** The router's limit for a request, ms. */
  readonly timeoutMs: number;
}

type Role = "prefill" | "decode";

/** Loopback has many addresses: a worker listens on one, and is reached on the other, where the proxies listen. */
const HIDDEN_HOST = "127.0.0.2";
const SEEN_HOST = "127.0.0.3";

const WORKER_ARGS = [
  "--engine",
  "mock",
  "--mock-speedup",
  "5",
  "--chunk-tokens",
  "128",
  "--drain-timeout-ms",
  "1000",
];

export class ChaosCluster implements AsyncDisposable {
  readonly #cluster: Cluster;
  readonly #stack: AsyncDisposableStack;
  /** Everything that leads to and from a worker. */
  readonly #cables = new Map<string, readonly DroppingProxy[]>();

  private constructor(cluster: Cluster, stack: AsyncDisposableStack) {
    this.#cluster = cluster;
    this.#stack = stack;
  }

  static async start({ workersPerRole, timeoutMs }: ChaosClusterOptions): Promise<ChaosCluster> {
    await using stack = new AsyncDisposableStack();
    const cluster = stack.use(
      await Cluster.start({
        prefill: workersPerRole - 1,
        decode: workersPerRole - 1,
        routerArgs: ["--request-timeout-ms", `${timeoutMs}`, "--heartbeat-ms", "500"],
        workerArgs: WORKER_ARGS,
        env: { BATON_LOG_LEVEL: "error" },
        nodeFlags: LOOK_INSIDE,
      }),
    );
    const chaos = new ChaosCluster(cluster, stack.move());
    for (const role of ["prefill", "decode"] as const) await chaos.#addCuttable(`${role}-far`, role);
    return chaos;
  }

  get url(): string {
    return this.#cluster.url;
  }

  get workers(): readonly string[] {
    return this.#cluster.workers;
  }

  /** The cluster itself, to look at. */
  get inner(): Cluster {
    return this.#cluster;
  }

  canCut(name: string): boolean {
    return this.#cables.has(name);
  }

  cut(name: string): void {
    for (const proxy of this.#cables.get(name)!) proxy.cut();
  }

  heal(name: string): void {
    for (const proxy of this.#cables.get(name)!) proxy.heal();
  }

  signal(name: string, signal: NodeJS.Signals): void {
    this.#cluster.process(name).child.kill(signal);
  }

  /** Resolves with the exit code, or the signal that ended it. */
  end(name: string, signal: NodeJS.Signals): Promise<number | NodeJS.Signals> {
    return this.#cluster.end(name, signal);
  }

  /** How a process has ended that nobody ended; undefined while it runs. */
  fate(name: string): string | undefined {
    const { child, log } = this.#cluster.process(name);
    const end = child.signalCode ?? child.exitCode;
    return end === null ? undefined : `ended by itself (${end}): ${log.slice(-2000)}`;
  }

  restart(name: string): Promise<void> {
    return this.#cluster.restart(name);
  }

  addExtra(name: string, role: Role): Promise<void> {
    return this.#cluster.addWorker(name, `${role}-worker`, WORKER_ARGS);
  }

  remove(name: string): Promise<void> {
    return this.#cluster.removeWorker(name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const name of this.#cables.keys()) this.heal(name);
    await this.#stack.disposeAsync();
  }

  async #addCuttable(name: string, role: Role): Promise<void> {
    const router = this.#cluster.process("router").addresses.grpc!;
    const [registryHost, registryPort] = router.split(":") as [string, string];
    const registry = this.#stack.use(
      await DroppingProxy.listen(SEEN_HOST, { host: registryHost, port: Number(registryPort) }),
    );
    const grpc = this.#stack.use(await DroppingProxy.listen(SEEN_HOST, { host: HIDDEN_HOST }));
    const kv = this.#stack.use(await DroppingProxy.listen(SEEN_HOST, { host: HIDDEN_HOST }));
    const hosts = ["--host", HIDDEN_HOST, "--advertise-host", SEEN_HOST, "--grpc-port", `${grpc.port}`];
    const kvPort = role === "prefill" ? ["--kv-port", `${kv.port}`] : [];
    const args = [...WORKER_ARGS, ...hosts, ...kvPort];
    await this.#cluster.addWorker(name, `${role}-worker`, args, `${SEEN_HOST}:${registry.port}`);
    this.#cables.set(name, [registry, grpc, kv]);
  }
}
