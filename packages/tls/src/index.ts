export { handshakeFailure } from "./handshake-failure.ts";
export { readTlsIdentity, type TlsFiles, type TlsIdentity } from "./tls-identity.ts";
