/** Why a TLS handshake failed, in words that lead to the setting that is wrong: OpenSSL's own seldom do. */
import type { TLSSocket } from "node:tls";

const REASONS: readonly (readonly [codes: readonly string[], reason: string])[] = [
  [["UNABLE_TO_GET_ISSUER_CERT", "ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE"], "it showed no certificate"],
  [
    [
      "DEPTH_ZERO_SELF_SIGNED_CERT",
      "SELF_SIGNED_CERT_IN_CHAIN",
      "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
      "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
      "CERT_SIGNATURE_FAILURE",
    ],
    "its certificate is of another authority than BATON_TLS_CA_FILE",
  ],
  [["ECONNRESET", "EPIPE"], "it broke off the TLS handshake; its own log says what it did not like"],
  [["CERT_HAS_EXPIRED"], "its certificate has expired"],
  [["CERT_NOT_YET_VALID"], "its certificate is not valid yet"],
  [
    ["ERR_SSL_TLSV1_ALERT_UNKNOWN_CA", "ERR_SSL_TLSV1_ALERT_DECRYPT_ERROR"],
    "it does not believe this side's certificate, which is of another authority than its BATON_TLS_CA_FILE",
  ],
  [
    ["ERR_SSL_WRONG_VERSION_NUMBER", "ERR_SSL_HTTP_REQUEST", "ERR_SSL_PACKET_LENGTH_TOO_LONG"],
    "it does not speak TLS, so its BATON_TLS_CERT_FILE is not set",
  ],
];

/** @param socket of the server, which knows what Node found wrong with the client's certificate */
export function handshakeFailure(error: Error, socket: Pick<TLSSocket, "authorizationError">): string {
  // Node's types say Error; it is the code.
  const found = socket.authorizationError as unknown;
  const code = typeof found === "string" ? found : ((error as NodeJS.ErrnoException).code ?? "");
  return REASONS.find(([codes]) => codes.includes(code))?.[1] ?? `${error.message}${code && ` (${code})`}`;
}
