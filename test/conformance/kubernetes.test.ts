/** Must hold: every manifest of deploy/kubernetes is one that Kubernetes takes, and they fit each other and the images. */
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "@jest/globals";
import type { IDeployment } from "kubernetes-models/apps/v1/Deployment";
import { parseAllDocuments } from "yaml";
import { PORTS } from "../deploy/containment.ts";

const FOLDER = fileURLToPath(new URL("../../deploy/kubernetes", import.meta.url));
const CHECK = fileURLToPath(new URL("../support/check-manifests.ts", import.meta.url));

interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string };
}

interface Kustomization {
  readonly resources: readonly string[];
  readonly images: readonly { readonly name: string }[];
  readonly configMapGenerator: readonly { readonly literals: readonly string[] }[];
}

/** The documents of a file, by its path below deploy/kubernetes. */
function documentsIn(file: string): readonly unknown[] {
  return parseAllDocuments(readFileSync(join(FOLDER, file), "utf8")).map((document) => {
    if (document.errors[0]) throw document.errors[0];
    return document.toJS();
  });
}

function kustomizationIn(file: string): Kustomization {
  return documentsIn(file)[0] as Kustomization;
}

const files = readdirSync(FOLDER, { recursive: true, encoding: "utf8" }).filter((file) =>
  file.endsWith(".yaml"),
);
const kustomizations = files.filter((file) => file.endsWith("kustomization.yaml"));
const manifests = files
  .filter((file) => !kustomizations.includes(file))
  .flatMap((file) => documentsIn(file) as Manifest[]);
const deployments = manifests.filter(({ kind }) => kind === "Deployment") as unknown as IDeployment[];
const base = kustomizationIn("base/kustomization.yaml");

/** For each manifest what is wrong with it; null where nothing is. */
function problemsOf(objects: readonly unknown[]): readonly (string | null)[] {
  const input = JSON.stringify(objects);
  return JSON.parse(execFileSync(process.execPath, [CHECK], { input, encoding: "utf8" })) as (
    | string
    | null
  )[];
}

test("every manifest fits the JSON schema of its kind", () => {
  const problems = problemsOf(manifests).map((problem, index) => {
    const { kind, metadata } = manifests[index]!;
    return problem && `${kind} ${metadata.name}: ${problem}`;
  });
  expect(problems.filter((problem) => problem !== null)).toEqual([]);
  expect(manifests.length).toBeGreaterThan(10);
});

test("a manifest that does not fit is found", () => {
  const { spec, ...rest } = deployments[0]!;
  const problems = problemsOf([
    { ...rest, spec: { ...spec, replicas: "two" } },
    { apiVersion: "v1", kind: "Pood" },
  ]);
  expect(problems).toEqual([expect.stringContaining("replicas"), 'There is no schema for "v1 Pood"']);
});

test.each(kustomizations)("%s names resources that exist, and every manifest beside it", (file) => {
  const { resources } = kustomizationIn(file);
  const named = resources.map((resource) => relative(FOLDER, resolve(FOLDER, dirname(file), resource)));
  const exists = (resource: string) =>
    files.includes(resource) || files.includes(`${resource}/kustomization.yaml`);
  expect(named.filter((resource) => !exists(resource))).toEqual([]);
  const beside = files.filter((other) => dirname(other) === dirname(file) && other !== file);
  expect(beside.filter((other) => !named.includes(other))).toEqual([]);
});

describe.each(deployments.map((deployment) => ({ name: deployment.metadata!.name!, deployment })))(
  "the pods of $name",
  ({ name, deployment }) => {
    const pod = deployment.spec!.template.spec!;
    const container = pod.containers[0]!;

    test("open the ports that the image listens on", () => {
      expect(container.ports!.map(({ containerPort }) => containerPort)).toEqual(PORTS[name]);
    });

    test("run an image that the base gives a version to", () => {
      expect(base.images.map((image) => image.name)).toContain(container.image);
    });

    test("are contained: no root, no capability, nothing to write but the cache", () => {
      expect(pod.automountServiceAccountToken).toBe(false);
      expect(pod.securityContext).toMatchObject({
        runAsNonRoot: true,
        seccompProfile: { type: "RuntimeDefault" },
      });
      expect(container.securityContext).toEqual({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ["ALL"] },
      });
    });

    test("have more time to end than a drain takes", () => {
      const literals = base.configMapGenerator[0]!.literals;
      const drain = literals.find((literal) => literal.startsWith("BATON_DRAIN_TIMEOUT_MS="))!;
      const drainMs = Number(drain.split("=")[1]);
      expect(pod.terminationGracePeriodSeconds! * 1000).toBeGreaterThan(drainMs + 5000);
    });
  },
);
