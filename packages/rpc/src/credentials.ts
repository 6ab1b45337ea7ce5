/** Who both ends of a connection are: nobody in particular, or, with an identity, whom their certificates say. */
import { isIP } from "node:net";
import { checkServerIdentity } from "node:tls";
import type { TlsIdentity } from "@baton/tls";
import * as grpc from "@grpc/grpc-js";
import { CLIENT_OPTIONS } from "./channel-options.ts";
import { releaseFinishedStreams } from "./finished-streams.ts";

/** With an identity, only clients with a certificate of its authorities are let in. */
export function serverCredentials(tls: TlsIdentity | undefined): grpc.ServerCredentials {
  if (!tls) return grpc.ServerCredentials.createInsecure();
  const { ca, cert, key } = tls;
  return grpc.ServerCredentials.createSsl(ca, [{ cert_chain: cert, private_key: key }], true);
}

/** Credentials and options of a client of `host:port`; both are arguments of its constructor. */
export function clientChannel(
  address: string,
  tls: TlsIdentity | undefined,
): readonly [grpc.ChannelCredentials, grpc.ChannelOptions] {
  releaseFinishedStreams();
  if (!tls) return [grpc.credentials.createInsecure(), CLIENT_OPTIONS];
  const { ca, cert, key, serverName } = tls;
  const expected = serverName ?? address.replace(/:\d+$/, "").replace(/^\[(.*)\]$/, "$1");
  const credentials = grpc.credentials.createSsl(ca, key, cert, {
    checkServerIdentity: (_asked, certificate) => checkServerIdentity(expected, certificate),
  });
  // What is asked for in the handshake has to be a name; an address is only looked for in the certificate.
  const asked = isIP(expected) === 0 ? expected : "baton";
  return [credentials, { ...CLIENT_OPTIONS, "grpc.ssl_target_name_override": asked }];
}
