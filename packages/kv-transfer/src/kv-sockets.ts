/**
 * The sockets below the frames: TCP, or TLS on top of it, where both sides show a certificate of the cluster's
 * authority. What is above does not tell them apart.
 */
import { connect, createServer, isIP, type Server, type Socket, type TcpNetConnectOpts } from "node:net";
import { checkServerIdentity, connect as connectTls, createServer as createTlsServer } from "node:tls";
import { handshakeFailure, type TlsIdentity } from "@baton/tls";

/** Socket options of both sides: frames are written whole, and a peer that vanished without a word is noticed. */
const SOCKET_OPTIONS = { noDelay: true, keepAlive: true, keepAliveInitialDelay: 10_000 } as const;

/** Both ends are ours, so nothing older is needed. */
const MIN_VERSION = "TLSv1.3";

export interface SocketServerOptions {
  readonly tls: TlsIdentity | undefined;
  /** Time for a TLS handshake, in ms. */
  readonly handshakeTimeoutMs: number;
  readonly onConnection: (socket: Socket) => void;
  /** A peer whose TLS handshake failed: it speaks something else, or has no certificate that is believed. */
  readonly onRefused: (reason: string, socket: Socket) => void;
  /** With TLS: whether one more connection may begin its handshake. */
  readonly admits: (open: number) => boolean;
}

/** A server that does not listen yet. */
export function createSocketServer(options: SocketServerOptions): Server {
  const { tls, onConnection, onRefused, admits, handshakeTimeoutMs: handshakeTimeout } = options;
  if (!tls) return createServer(SOCKET_OPTIONS, onConnection);
  const { ca, cert, key } = tls;
  const certificates = { ca, cert, key, minVersion: MIN_VERSION, requestCert: true } as const;
  const server = createTlsServer({ ...SOCKET_OPTIONS, ...certificates, handshakeTimeout }, onConnection);
  server.on("tlsClientError", (error, socket) => {
    onRefused(handshakeFailure(error, socket), socket);
    socket.destroy(); // Node leaves that to whoever listens.
  });
  const open = new Set<Socket>();
  server.prependListener("connection", (socket: Socket) => {
    if (!admits(open.size)) {
      socket.destroy();
      return;
    }
    open.add(socket);
    socket.once("close", () => open.delete(socket));
  });
  return server;
}

/** A socket that connects to the peer, and checks who it is. */
export function openSocket(tls: TlsIdentity | undefined, options: TcpNetConnectOpts): Socket {
  const all = { ...options, ...SOCKET_OPTIONS };
  if (!tls) return connect(all);
  const { ca, cert, key, serverName } = tls;
  const expected = serverName ?? options.host ?? "localhost";
  return connectTls({
    ...all,
    ca,
    cert,
    key,
    minVersion: MIN_VERSION,
    // An address is only looked for in the certificate.
    servername: isIP(expected) === 0 ? expected : "",
    checkServerIdentity: (_asked, certificate) => checkServerIdentity(expected, certificate),
  });
}
