/** The stack of deploy/docker-compose.yml under a project name of its own; `await using` leaves nothing behind. */
import { createServer } from "node:net";
import { fileURLToPath } from "node:url";
import { eventually } from "../support/eventually.ts";
import { docker, findCompose, output } from "./commands.ts";

const DEPLOY = fileURLToPath(new URL("../../deploy", import.meta.url));
const FILES = ["docker-compose.yml", "test/docker-compose.test.yml"];
const LABEL = "com.docker.compose.project";

/** What is asked of a container again and again. */
export interface Container {
  readonly id: string;
  /** Its service in the compose file. */
  readonly service: string;
  /** As the cluster knows it: the short id. */
  readonly hostname: string;
}

export class Stack implements AsyncDisposable {
  readonly project = `baton-test-${process.pid}`;
  readonly #env: Readonly<NodeJS.ProcessEnv>;
  readonly #compose: readonly [string, ...string[]];
  readonly #port: number;

  private constructor(compose: readonly [string, ...string[]], port: number, env: NodeJS.ProcessEnv) {
    this.#compose = compose;
    this.#port = port;
    this.#env = { ...env, COMPOSE_PROJECT_NAME: this.project };
  }

  /** Nothing is started yet. @param environment variables of deploy/.env.example. */
  static async create(environment: Readonly<Record<string, string>>): Promise<Stack> {
    await output(`${DEPLOY}/make-secrets`, []);
    await output(`${DEPLOY}/make-certificates`, []);
    const [port, adminPort] = [await freePort(), await freePort()];
    const env = { ...process.env, ...environment, BATON_PORT: `${port}`, BATON_ADMIN_PORT: `${adminPort}` };
    return new Stack(await findCompose(), port, env);
  }

  /** Of the gateway, as published. */
  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Where admin calls are taken, as published. */
  get adminUrl(): string {
    return `http://127.0.0.1:${this.#env.BATON_ADMIN_PORT}`;
  }

  /** Runs a command of Compose. */
  compose(...args: readonly string[]): Promise<string> {
    return this.composeWith([], ...args);
  }

  /** The same with more compose files on top of the others. */
  composeWith(overlays: readonly string[], ...args: readonly string[]): Promise<string> {
    const [program, ...own] = this.#compose;
    const files = [...FILES, ...overlays].flatMap((file) => ["--file", `${DEPLOY}/${file}`]);
    const all = [...own, "--env-file", `${DEPLOY}/.env.example`, ...files, ...args];
    return output(program, all, this.#env);
  }

  /** Replaces the containers of services, as an operator does. */
  roll(...services: readonly string[]): Promise<string> {
    const files = FILES.map((file) => `${DEPLOY}/${file}`).join(":");
    return output(`${DEPLOY}/roll`, services, { ...this.#env, COMPOSE_FILE: files });
  }

  /** The containers that run, of one service or of all. */
  async containers(service?: string): Promise<readonly Container[]> {
    const filters = [
      `label=${LABEL}=${this.project}`,
      ...(service ? [`label=com.docker.compose.service=${service}`] : []),
    ];
    const format = '{{.ID}} {{.Label "com.docker.compose.service"}}';
    const lines = await docker(
      "ps",
      "--no-trunc",
      "--format",
      format,
      ...filters.flatMap((one) => ["--filter", one]),
    );
    return lines
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => line.split(" ") as [string, string])
      .map(([id, name]) => ({ id, service: name, hostname: id.slice(0, 12) }));
  }

  /** Resolves once every container is healthy and the router says that a request would succeed. */
  async ready(): Promise<void> {
    await eventually(
      "every container is healthy",
      async () => {
        const all = await this.containers();
        const format = "{{if .State.Health}}{{.State.Health.Status}}{{else}}none{{end}}";
        const health = await docker("inspect", "--format", format, ...all.map(({ id }) => id));
        return all.length > 0 && health.split("\n").every((status) => status === "healthy");
      },
      { timeoutMs: 120_000, intervalMs: 200 },
    );
    await eventually("the router is ready", async () => (await fetch(`${this.url}/readiness`)).ok, {
      timeoutMs: 30_000,
    });
  }

  /** The figures that the router publishes of one metric: the labels as they are written, and the value. */
  async metric(name: string): Promise<ReadonlyMap<string, number>> {
    const text = await (await fetch(`${this.url}/metrics`)).text();
    const samples = text.matchAll(new RegExp(`^${name}\\{(.*?)\\} ([0-9.e+-]+)`, "gm"));
    return new Map([...samples].map(([, labels, value]) => [labels!, Number(value)]));
  }

  /** Containers, networks and volumes that are there, running or not. */
  async leftovers(): Promise<readonly string[]> {
    const filter = ["--filter", `label=${LABEL}=${this.project}`, "--quiet"];
    const found = await Promise.all([
      docker("ps", "--all", ...filter),
      docker("network", "ls", ...filter),
      docker("volume", "ls", ...filter),
    ]);
    return found.flatMap((ids) => ids.split("\n")).filter((id) => id !== "");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // A network is sometimes still in use for a moment after its last container is gone.
    const down = async () => {
      await this.compose("down", "--volumes", "--timeout", "10");
      return true;
    };
    await eventually("everything is taken down", down, { timeoutMs: 60_000, intervalMs: 500 });
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}
