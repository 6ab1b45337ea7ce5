/**
 * Checks Kubernetes objects against the JSON schemas of their kinds: an array on standard input, for each what is wrong
 * with it (null if nothing is) on standard output. A program of its own, because the schemas are ES modules only.
 */
import { text } from "node:stream/consumers";
import { ScaledObject } from "@kubernetes-models/keda/keda.sh/v1alpha1/ScaledObject";
import { ServiceMonitor } from "@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/ServiceMonitor";
import { Deployment } from "kubernetes-models/apps/v1/Deployment";
import { NetworkPolicy } from "kubernetes-models/networking.k8s.io/v1/NetworkPolicy";
import { PodDisruptionBudget } from "kubernetes-models/policy/v1/PodDisruptionBudget";
import { Namespace } from "kubernetes-models/v1/Namespace";
import { Service } from "kubernetes-models/v1/Service";

/** Of every kind that is used. */
const MODELS = {
  "apps/v1 Deployment": Deployment,
  "keda.sh/v1alpha1 ScaledObject": ScaledObject,
  "monitoring.coreos.com/v1 ServiceMonitor": ServiceMonitor,
  "networking.k8s.io/v1 NetworkPolicy": NetworkPolicy,
  "policy/v1 PodDisruptionBudget": PodDisruptionBudget,
  "v1 Namespace": Namespace,
  "v1 Service": Service,
} as const;

interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
}

function problemOf(manifest: Manifest): string | null {
  const kind = `${manifest.apiVersion} ${manifest.kind}`;
  if (!Object.hasOwn(MODELS, kind)) return `There is no schema for "${kind}"`;
  try {
    new MODELS[kind as keyof typeof MODELS](manifest as never).validate();
    return null;
  } catch (error) {
    return (error as Error).message;
  }
}

const manifests = JSON.parse(await text(process.stdin)) as readonly Manifest[];
process.stdout.write(JSON.stringify(manifests.map(problemOf)));
