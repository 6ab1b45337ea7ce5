/**
 * How a process proves who it is to the others of its cluster, and knows them: read once at the start, and checked as
 * far as that is possible without the others, so that a mistake is one line then and no riddle later.
 */
import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { BatonError } from "@baton/core";

/** The files of a certificate and its key. Absolute paths of PEM files. */
export interface TlsFiles {
  readonly tlsCaFile?: string | undefined;
  readonly tlsCertFile?: string | undefined;
  readonly tlsKeyFile?: string | undefined;
  /** Name that the certificates of the others must carry, in place of the host under which each is reached. */
  readonly tlsServerName?: string | undefined;
}

/** What a process shows to the others, and whom it believes. PEM. */
export interface TlsIdentity {
  /** Authorities whose certificates are believed, on both ends of every connection. */
  readonly ca: Buffer;
  /** Own certificate, with the intermediate ones that it needs. */
  readonly cert: Buffer;
  readonly key: Buffer;
  readonly serverName: string | undefined;
}

const VARIABLES = {
  tlsCaFile: "BATON_TLS_CA_FILE",
  tlsCertFile: "BATON_TLS_CERT_FILE",
  tlsKeyFile: "BATON_TLS_KEY_FILE",
} as const;

type FileName = keyof typeof VARIABLES;

/**
 * The identity that the files hold; undefined where none is named: then nothing is encrypted.
 * @param now epoch ms
 * @throws BatonError `invalid_argument` that names the file and the problem: a file is missing or no PEM, the key is of
 *   another certificate, a certificate has expired or is not valid yet, or no authority has issued it
 */
export function readTlsIdentity(files: TlsFiles, now: number): TlsIdentity | undefined {
  const names = Object.keys(VARIABLES) as FileName[];
  const missing = names.filter((name) => files[name] === undefined);
  if (missing.length === names.length) return undefined;
  if (missing.length > 0) {
    const lacking = missing.map((name) => VARIABLES[name]).join(" and ");
    throw invalid(
      `Cannot use TLS: ${lacking} is missing, expected all of ${Object.values(VARIABLES).join(", ")}`,
    );
  }
  const [ca, cert, key] = names.map((name) => readPem(name, files[name]!));
  const authorities = certificatesIn("tlsCaFile", files, ca!, now);
  const chain = certificatesIn("tlsCertFile", files, cert!, now);
  if (!chain[0]!.checkPrivateKey(privateKey(files, key!))) {
    throw unusable("tlsKeyFile", files, `it is not the key of the certificate "${files.tlsCertFile}"`);
  }
  if (!isIssuedBy(chain[0]!, chain.slice(1), authorities)) {
    throw unusable("tlsCertFile", files, `no authority of "${files.tlsCaFile}" has issued it`);
  }
  return { ca: ca!, cert: cert!, key: key!, serverName: files.tlsServerName };
}

function readPem(name: FileName, file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (cause) {
    const reason = (cause as NodeJS.ErrnoException).code;
    throw unusable(name, { [name]: file }, `it cannot be read (${reason})`, cause);
  }
}

/** Every certificate of a file, each in its time. */
function certificatesIn(
  name: FileName,
  files: TlsFiles,
  pem: Buffer,
  now: number,
): readonly X509Certificate[] {
  const blocks =
    pem.toString("utf8").match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g) ?? [];
  if (blocks.length === 0) throw unusable(name, files, "there is no certificate in it, expected PEM");
  return blocks.map((block) => {
    const certificate = parsed(name, files, () => new X509Certificate(block));
    const { subject, validFrom, validTo } = certificate;
    const who = subject.replaceAll("\n", ", ");
    if (now < Date.parse(validFrom)) throw unusable(name, files, `"${who}" is not valid before ${validFrom}`);
    if (now > Date.parse(validTo)) throw unusable(name, files, `"${who}" has expired on ${validTo}`);
    return certificate;
  });
}

function privateKey(files: TlsFiles, pem: Buffer): KeyObject {
  return parsed("tlsKeyFile", files, () => createPrivateKey(pem));
}

function parsed<T>(name: FileName, files: TlsFiles, parse: () => T): T {
  try {
    return parse();
  } catch (cause) {
    throw unusable(name, files, "it cannot be understood, expected PEM without a passphrase", cause);
  }
}

/** Follows the issuers, through the intermediate certificates, to an authority. */
function isIssuedBy(
  certificate: X509Certificate,
  intermediates: readonly X509Certificate[],
  authorities: readonly X509Certificate[],
): boolean {
  const issued = (issuer: X509Certificate) =>
    certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
  if (authorities.some(issued)) return true;
  const next = intermediates.find(issued);
  const rest = intermediates.filter((other) => other !== next);
  return next !== undefined && isIssuedBy(next, rest, authorities);
}

function unusable(name: FileName, files: TlsFiles, problem: string, cause?: unknown): BatonError {
  return invalid(`Cannot use the file "${files[name]}" of ${VARIABLES[name]}: ${problem}`, cause);
}

function invalid(message: string, cause?: unknown): BatonError {
  return new BatonError("invalid_argument", message, { cause });
}
