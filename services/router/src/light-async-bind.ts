/**
 * `AsyncResource.bind` without the deprecated property `asyncResource` of what it returns (DEP0172).
 *
 * Node defines that property by two functions that are made for each call. To V8 every such function is a hidden class
 * of its own, which is old from the start and keeps what the functions know until the next full collection. Fastify
 * binds once per body and Node once per call over HTTP/2, so that was every request, long finished.
 */
import { AsyncResource } from "node:async_hooks";

type AnyFunction = (...args: unknown[]) => unknown;

/** Replaces it for this process. Unlike Node's, what it returns has a `length` of 0. */
export function lightenAsyncBind(): void {
  AsyncResource.prototype.bind = bind as typeof AsyncResource.prototype.bind;
}

function bind(this: AsyncResource, fn: AnyFunction, thisArg?: unknown): AnyFunction {
  const resource = this;
  return function bound(this: unknown, ...args) {
    return resource.runInAsyncScope(fn, thisArg === undefined ? this : thisArg, ...args);
  };
}
