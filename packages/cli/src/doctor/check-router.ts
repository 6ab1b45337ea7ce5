/** Is the router there, does it serve, and does it keep traces? */
import { version } from "@baton/config";
import { BatonError, type ErrorCode } from "@baton/core";
import { getFromRouter, type RouterAccess } from "../router/router-api.ts";
import { type Finding, fail, ok, warn } from "./finding.ts";

interface Health {
  readonly status: string;
  readonly mode?: string;
  readonly missing?: readonly string[];
}

export async function checkRouter(
  router: RouterAccess,
): Promise<{ readonly reachable: boolean; readonly findings: readonly Finding[] }> {
  try {
    const health = await getFromRouter<Health>(router, "health");
    const workers = await getFromRouter<{ router: { version: string } }>(router, "workers");
    return {
      reachable: true,
      findings: [reached(router.url, workers.router.version), readiness(health), await traceStore(router)],
    };
  } catch (error) {
    const { code, message } = BatonError.from(error);
    return { reachable: false, findings: [fail("router", message, advice(code))] };
  }
}

function reached(url: string, itsVersion: string): Finding {
  if (itsVersion === version()) return ok("router", `${url} answers, version ${itsVersion}`);
  return warn(
    "router",
    `${url} runs version ${itsVersion}, this program is ${version()}`,
    "run the same version everywhere",
  );
}

function readiness({ status, mode, missing = [] }: Health): Finding {
  if (status === "ready") return ok("router", `ready, ${mode}`);
  const why = missing.length > 0 ? `there is no ${missing.join(" and no ")}` : `it is ${status}`;
  return fail(
    "router",
    `not ready: ${why}`,
    "start the workers with --registry set to the router's registry address, and look into their logs",
  );
}

function advice(code: ErrorCode): string {
  if (code === "unauthenticated" || code === "permission_denied") {
    return "name the port that takes admin calls with --url, and the router's BATON_ADMIN_KEY";
  }
  return "see that it runs and listens there; its own log says why it does not";
}

async function traceStore(router: RouterAccess): Promise<Finding> {
  try {
    const { store } = await getFromRouter<{ store: { traces: number; evicted_traces: number } }>(
      router,
      "traces",
    );
    return ok("traces", `the router keeps the last ones: ${store.traces} now, ${store.evicted_traces} gone`);
  } catch (error) {
    const advice = "run all processes without --trace-store off to use baton trace";
    return warn("traces", BatonError.from(error).message, advice);
  }
}
