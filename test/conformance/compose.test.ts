/** Must hold: the compose files, what explains their variables and what makes their secrets fit each other. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "@jest/globals";
import { parse } from "yaml";

const DEPLOY = fileURLToPath(new URL("../../deploy", import.meta.url));
const FILES = ["docker-compose.yml", "docker-compose.tls.yml", "test/docker-compose.test.yml"];

interface Service {
  readonly environment?: Readonly<Record<string, unknown>>;
  readonly secrets?: readonly (string | { readonly source: string; readonly target: string })[];
}

interface Compose {
  readonly services: Readonly<Record<string, Service>>;
  readonly secrets?: Readonly<Record<string, { readonly file: string }>>;
}

const read = (file: string) => readFileSync(`${DEPLOY}/${file}`, "utf8");
const composes = FILES.map((file) => parse(read(file), { merge: true }) as Compose);
const secrets = Object.assign({}, ...composes.map((compose) => compose.secrets ?? {})) as NonNullable<
  Compose["secrets"]
>;

/** Set by whoever runs Compose, and read by nothing in the files. */
const OF_COMPOSE = ["COMPOSE_FILE", "COMPOSE_PROJECT_NAME", "COMPOSE_PROFILES"];

test("every variable of the compose files is explained in .env.example, and none that is not there", () => {
  const used = FILES.flatMap((file) => [...read(file).matchAll(/\$\{(\w+)/g)].map(([, name]) => name!));
  const explained = [...read(".env.example").matchAll(/^#?([A-Z][A-Z_0-9]+)=/gm)].map(([, name]) => name!);
  expect([...new Set([...used, ...OF_COMPOSE])].sort()).toEqual(explained.sort());
});

describe.each(composes.map((compose, index) => [FILES[index]!, compose] as const))(
  "%s",
  (_file, { services }) => {
    test.each(Object.entries(services))("gives %s only secrets that exist", (_service, service) => {
      const named = (service.secrets ?? []).map((secret) =>
        typeof secret === "string" ? secret : secret.source,
      );
      expect(named.filter((name) => !(name in secrets))).toEqual([]);
    });
  },
);

test("every file of a secret is one that a service is given, under the name that it is given", () => {
  const broken = FILES.flatMap((_file, index) =>
    Object.entries(composes[index]!.services).flatMap(
      ([service, { environment = {}, secrets: given = [] }]) => {
        const mounted = given.map((secret) => (typeof secret === "string" ? secret : secret.target));
        return Object.values(environment)
          .flatMap((value) => /^\/run\/secrets\/([\w-]+)$/.exec(String(value))?.[1] ?? [])
          .filter((name) => !mounted.includes(name))
          .map((name) => `${service}: ${name}`);
      },
    ),
  );
  expect(broken).toEqual([]);
});

test("every secret is made by one of the scripts", () => {
  const made = [...read("make-secrets").matchAll(/^make ([\w-]+)/gm)].map(([, name]) => `./secrets/${name}`);
  const services = /services=\(([\w -]+)\)/.exec(read("make-certificates"))![1]!.split(" ");
  const certificates = services.flatMap((name) => [`./secrets/tls/${name}.crt`, `./secrets/tls/${name}.key`]);
  const files = Object.values(secrets).map(({ file }) => file);
  expect(files.sort()).toEqual([...made, ...certificates, "./secrets/tls/ca.crt"].sort());
});
