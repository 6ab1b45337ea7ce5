/**
 * The active OpenTelemetry context, for synchronous work only. Baton passes its contexts by hand; the active one is for
 * the two places where the gRPC instrumentation leaves no choice, and both look while the call is being made or handed
 * over. So nothing has to follow promises and events, which is most of what the SDK's own manager costs.
 */
import { type Context, type ContextManager, ROOT_CONTEXT } from "@opentelemetry/api";

export class CallContext implements ContextManager {
  #active = ROOT_CONTEXT;

  active(): Context {
    return this.#active;
  }

  with<A extends unknown[], F extends (...args: A) => ReturnType<F>>(
    context: Context,
    fn: F,
    thisArg?: ThisParameterType<F>,
    ...args: A
  ): ReturnType<F> {
    const before = this.#active;
    this.#active = context;
    try {
      return fn.call(thisArg as ThisParameterType<F>, ...args);
    } finally {
      this.#active = before;
    }
  }

  /** Callbacks and emitters stay as they are. */
  bind<T>(_context: Context, target: T): T {
    return target;
  }

  enable(): this {
    return this;
  }

  disable(): this {
    this.#active = ROOT_CONTEXT;
    return this;
  }
}
