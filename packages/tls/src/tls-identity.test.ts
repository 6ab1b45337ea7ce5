import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { BatonError } from "@baton/core";
import { afterAll, describe, expect, test } from "@jest/globals";
import { TestCertificates } from "./testing.ts";
import { readTlsIdentity, type TlsFiles } from "./tls-identity.ts";

const DAY_MS = 24 * 60 * 60 * 1000;
const certificates = new TestCertificates(["router", "worker"]);
const others = new TestCertificates(["router"]);
const folder = mkdtempSync(join(tmpdir(), "baton-tls-"));
const good = certificates.files("router");

afterAll(() => {
  certificates[Symbol.dispose]();
  others[Symbol.dispose]();
  rmSync(folder, { recursive: true });
});

function fileWith(content: string): string {
  const file = join(folder, "file.pem");
  writeFileSync(file, content);
  return file;
}

function problemOf(files: TlsFiles, now = Date.now()): string {
  try {
    readTlsIdentity(files, now);
  } catch (error) {
    expect(error).toMatchObject({ code: "invalid_argument" });
    return (error as BatonError).message;
  }
  return "";
}

describe("readTlsIdentity", () => {
  test("reads what make-certificates made", () => {
    const identity = readTlsIdentity({ ...good, tlsServerName: "baton" }, Date.now())!;
    expect(identity.serverName).toBe("baton");
    for (const pem of [identity.ca, identity.cert, identity.key])
      expect(pem.toString()).toContain("-----BEGIN");
  });

  test("is nothing where no file is named", () => {
    expect(readTlsIdentity({ tlsServerName: "baton" }, Date.now())).toBeUndefined();
  });

  test("wants all three files", () => {
    expect(problemOf({ tlsCaFile: good.tlsCaFile })).toBe(
      "Cannot use TLS: BATON_TLS_CERT_FILE and BATON_TLS_KEY_FILE is missing, expected all of BATON_TLS_CA_FILE, BATON_TLS_CERT_FILE, BATON_TLS_KEY_FILE",
    );
  });

  test("names a file that is not there", () => {
    expect(problemOf({ ...good, tlsCertFile: "/no/such.crt" })).toBe(
      'Cannot use the file "/no/such.crt" of BATON_TLS_CERT_FILE: it cannot be read (ENOENT)',
    );
  });

  test("names a file that is something else", () => {
    expect(problemOf({ ...good, tlsCaFile: fileWith("") })).toContain(
      "BATON_TLS_CA_FILE: there is no certificate",
    );
    expect(problemOf({ ...good, tlsCertFile: good.tlsKeyFile })).toContain("there is no certificate in it");
    expect(problemOf({ ...good, tlsKeyFile: good.tlsCertFile })).toContain(
      "BATON_TLS_KEY_FILE: it cannot be understood, expected PEM without a passphrase",
    );
    const broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    expect(problemOf({ ...good, tlsCertFile: fileWith(broken) })).toContain("it cannot be understood");
  });

  test("refuses the key of another certificate", () => {
    const { tlsKeyFile } = certificates.files("worker");
    expect(problemOf({ ...good, tlsKeyFile })).toContain(
      `it is not the key of the certificate "${good.tlsCertFile}"`,
    );
  });

  test("refuses a certificate of another authority", () => {
    const { tlsCaFile } = others.files("router");
    expect(problemOf({ ...good, tlsCaFile })).toContain(`no authority of "${tlsCaFile}" has issued it`);
  });

  test("refuses certificates that have expired or are not valid yet", () => {
    expect(problemOf(good, Date.now() + 1000 * DAY_MS)).toContain(
      '"CN=Baton cluster authority" has expired on',
    );
    expect(problemOf(good, Date.now() - DAY_MS)).toContain("is not valid before");
  });

  test("follows intermediate certificates, and takes several authorities", () => {
    const openssl = (...args: readonly string[]) =>
      execFileSync("openssl", args, { cwd: folder, stdio: "ignore" });
    const sign = (name: string, issuer: string, extension: string) => {
      writeFileSync(join(folder, "extensions"), extension);
      openssl(
        "req",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-subj",
        `/CN=${name}`,
        "-keyout",
        `${name}.key`,
        "-out",
        "csr",
      );
      const by = [
        "-CA",
        `${issuer}.crt`,
        "-CAkey",
        `${issuer}.key`,
        "-CAcreateserial",
        "-extfile",
        "extensions",
      ];
      openssl("x509", "-req", "-in", "csr", ...by, "-days", "2", "-out", `${name}.crt`);
    };
    const root = [
      "-newkey",
      "rsa:2048",
      "-nodes",
      "-subj",
      "/CN=root",
      "-keyout",
      "root.key",
      "-out",
      "root.crt",
    ];
    openssl("req", "-x509", ...root, "-days", "2");
    sign("middle", "root", "basicConstraints=critical,CA:TRUE");
    sign("leaf", "middle", "subjectAltName=DNS:leaf");
    const at = (name: string) => join(folder, name);
    const together = (...files: readonly string[]) =>
      files.map((file) => readFileSync(file, "utf8")).join("");
    writeFileSync(at("chain.crt"), together(at("leaf.crt"), at("middle.crt")));
    writeFileSync(at("both.crt"), together(good.tlsCaFile, at("root.crt")));
    const files = { tlsCaFile: at("both.crt"), tlsCertFile: at("chain.crt"), tlsKeyFile: at("leaf.key") };
    expect(problemOf(files)).toBe("");
    expect(problemOf({ ...files, tlsCertFile: at("leaf.crt") })).toContain("has issued it");
  });
});

test("make-certificates keeps what is there, and makes what is not", () => {
  const before = certificates.files("router");
  const content = (file: string) => readFileSync(file, "utf8");
  const kept = [before.tlsCaFile, before.tlsCertFile, before.tlsKeyFile].map(content);
  certificates.make(["router", "late=10.1.2.3,late.example"]);
  expect([before.tlsCaFile, before.tlsCertFile, before.tlsKeyFile].map(content)).toEqual(kept);
  const late = certificates.files("late");
  expect(problemOf(late)).toBe("");
  const names = execFileSync("openssl", [
    "x509",
    "-in",
    late.tlsCertFile,
    "-noout",
    "-ext",
    "subjectAltName",
  ]);
  expect(names.toString()).toContain(
    "DNS:baton, DNS:late, DNS:localhost, IP Address:127.0.0.1, IP Address:10.1.2.3, DNS:late.example",
  );
});
