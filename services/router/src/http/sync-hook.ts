/** Hooks that do not wait. An async one costs a promise and a turn of the microtasks, and every request has four. */
import type { FastifyReply, FastifyRequest, HookHandlerDoneFunction } from "fastify";

/** What `work` throws is the request's error. */
export function syncHook(work: (request: FastifyRequest, reply: FastifyReply) => void) {
  return (request: FastifyRequest, reply: FastifyReply, done: HookHandlerDoneFunction): void => {
    try {
      work(request, reply);
    } catch (reason) {
      done(reason as Error);
      return;
    }
    done();
  };
}
