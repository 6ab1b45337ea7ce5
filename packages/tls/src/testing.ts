/** Certificates of a cluster for tests, made by the script that users make theirs with; needs OpenSSL on the PATH. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { readTlsIdentity, type TlsIdentity } from "./tls-identity.ts";

const SCRIPT = fileURLToPath(new URL("../../../deploy/make-certificates", import.meta.url));

/** An authority of its own and certificates that it issued, in a folder that is removed at the end. */
export class TestCertificates implements Disposable {
  readonly folder: string;

  /** @param services as `deploy/make-certificates` takes them: "router" or "name=host,host" */
  constructor(services: readonly string[] = ["router", "prefill-worker", "decode-worker"]) {
    this.folder = mkdtempSync(join(tmpdir(), "baton-certificates-"));
    this.make(services);
  }

  /** Makes certificates of more services. */
  make(services: readonly string[]): void {
    try {
      execFileSync(SCRIPT, [this.folder, ...services], { stdio: ["ignore", "ignore", "pipe"] });
    } catch (cause) {
      const { stderr, message } = cause as Error & { stderr?: Buffer };
      throw new Error(`Cannot make certificates, expected OpenSSL on the PATH: ${stderr ?? message}`, {
        cause,
      });
    }
  }

  /** The settings of a service. */
  files(service: string): Readonly<Record<"tlsCaFile" | "tlsCertFile" | "tlsKeyFile", string>> {
    return {
      tlsCaFile: join(this.folder, "ca.crt"),
      tlsCertFile: join(this.folder, `${service}.crt`),
      tlsKeyFile: join(this.folder, `${service}.key`),
    };
  }

  /** The same as variables. */
  env(service: string): Readonly<Record<string, string>> {
    const { tlsCaFile, tlsCertFile, tlsKeyFile } = this.files(service);
    return { BATON_TLS_CA_FILE: tlsCaFile, BATON_TLS_CERT_FILE: tlsCertFile, BATON_TLS_KEY_FILE: tlsKeyFile };
  }

  identity(service: string, serverName?: string): TlsIdentity {
    return readTlsIdentity({ ...this.files(service), tlsServerName: serverName }, Date.now())!;
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
