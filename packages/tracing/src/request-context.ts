/** What a request's code hands to instrumented libraries through the OpenTelemetry context: how it is traced. */
import { type Context, createContextKey } from "@opentelemetry/api";
import type { CarriedState } from "./carrier.ts";

const KEY = createContextKey("baton request");

/** Marks a context as a request's. Level 0 is a request that is not traced. */
export function withRequest(context: Context, carried: CarriedState): Context {
  return context.setValue(KEY, carried);
}

/** Undefined outside of every request. */
export function requestOf(context: Context): CarriedState | undefined {
  return context.getValue(KEY) as CarriedState | undefined;
}
