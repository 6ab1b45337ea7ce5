import type { TlsIdentity } from "@baton/tls";
import { clientChannel } from "./credentials.ts";
import { type CallOptions, callUnary } from "./outgoing-call.ts";
import { Health } from "./proto.ts";

/** What a server says of itself or of one of its services. */
export type HealthStatus = "serving" | "not_serving" | "unknown";

/** Any gRPC server as a health check sees it. */
export interface HealthClient {
  /** Asks for the whole server, or for a service by its full name. @throws BatonError `not_found` for a service that it does not have */
  check(options: CallOptions & { readonly service?: string }): Promise<HealthStatus>;
  /** Closes the connection once running calls have ended. */
  close(): void;
}

interface HealthReply {
  readonly status: string;
}

/** A client of the server at `host:port`; it connects with the first call. With an identity, over TLS. */
export function createHealthClient(address: string, tls?: TlsIdentity): HealthClient {
  const client = new Health(address, ...clientChannel(address, tls));
  return {
    async check(options) {
      const { status } = await callUnary<HealthReply>(
        `check the health of "${address}"`,
        options,
        (callback) => client.check!({ service: options.service ?? "" }, callback),
      );
      if (status === "SERVING") return "serving";
      return status === "NOT_SERVING" ? "not_serving" : "unknown";
    },
    close: () => client.close(),
  };
}
