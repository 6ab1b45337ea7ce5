import type { InMemoryWorkerRegistry } from "./in-memory-worker-registry.ts";

/** Checks for silent workers twice per heartbeat interval until disposed of; does not keep the process alive. */
export function startExpiry(registry: InMemoryWorkerRegistry): Disposable {
  const timer = setInterval(() => registry.expire(), registry.heartbeatMs / 2);
  timer.unref();
  return { [Symbol.dispose]: () => clearInterval(timer) };
}
