/**
 * A TCP proxy that can stop passing anything on, in either direction, without closing a connection: what a pulled cable
 * looks like to both ends.
 */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

export class DroppingProxy implements AsyncDisposable {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #target: { readonly host: string; readonly port: number | undefined };
  #isCut = false;

  private constructor(target: { readonly host: string; readonly port: number | undefined }) {
    this.#target = target;
    this.#server = createServer((near) => this.#connect(near));
  }

  /** Listens on `host`; passes on to `target`, at the port that it listens on itself unless one is given. */
  static async listen(
    host: string,
    target: { readonly host: string; readonly port?: number },
  ): Promise<DroppingProxy> {
    const proxy = new DroppingProxy({ port: undefined, ...target });
    proxy.#server.listen(0, host);
    await once(proxy.#server, "listening");
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** From now on nothing passes; new connections are accepted and lead nowhere. */
  cut(): void {
    this.#isCut = true;
    for (const socket of this.#sockets) socket.pause();
  }

  /**
   * New connections pass again. Those that were cut stay dead and end now: what they dropped cannot be sent again.
   */
  heal(): void {
    this.#isCut = false;
    for (const socket of this.#sockets) socket.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, "close");
  }

  #connect(near: Socket): void {
    this.#add(near);
    if (this.#isCut) return;
    const far = connect({ host: this.#target.host, port: this.#target.port ?? this.port });
    this.#add(far);
    pass(near, far, () => this.#isCut);
    pass(far, near, () => this.#isCut);
  }

  #add(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on("error", () => {}).once("close", () => this.#sockets.delete(socket));
  }
}

/** Passes on what comes, and the end, unless the cable is cut: then neither end hears of the other. */
function pass(from: Socket, to: Socket, isCut: () => boolean): void {
  from.setNoDelay(true);
  from.on("data", (data) => {
    if (isCut()) return;
    if (to.write(data)) return;
    from.pause();
    to.once("drain", () => isCut() || from.resume());
  });
  from.once("close", () => isCut() || to.destroy());
}
