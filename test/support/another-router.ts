/** A second router beside a cluster's own. */
import { ensureBabbleCheckpoint } from "@baton/model/testing";
import { TEST_CACHE } from "./cluster.ts";
import { eventually } from "./eventually.ts";
import { ServiceProcess, sourceOf } from "./service-process.ts";

/** Serves the babbling model with the weights that a test's cluster has; resolves once it is ready. */
export async function startAnotherRouter(env: Readonly<Record<string, string>>): Promise<ServiceProcess> {
  const router = await startRouterAlone(env);
  await eventually("the second router is ready", async () => {
    return (await fetch(`http://${router.addresses.http}/readiness`)).status === 200;
  });
  return router;
}

/** The same; resolves once it listens. */
export async function startRouterAlone(env: Readonly<Record<string, string>>): Promise<ServiceProcess> {
  const model = await ensureBabbleCheckpoint(TEST_CACHE);
  return ServiceProcess.start(sourceOf("router"), ["--port", "0", "--registry-port", "0"], {
    BATON_CACHE: TEST_CACHE,
    BATON_MODEL: model,
    BATON_WEIGHTS: "fp32",
    ...env,
  });
}
