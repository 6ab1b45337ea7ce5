/**
 * What a client may say about the way of its request, by headers. They change which of the workers serve it, and with
 * `--routing-overrides refuse` nobody but the settings decides that.
 */
import type { IncomingHttpHeaders } from "node:http";
import { BatonError } from "@baton/core";
import { POLICY_NAMES } from "@baton/routing";
import type { RoutingWishes } from "../pipeline/completion-call.ts";

const HEADERS = {
  prefillPolicy: "x-baton-prefill-policy",
  decodePolicy: "x-baton-decode-policy",
  prefillWorker: "x-baton-prefill-worker",
  decodeWorker: "x-baton-decode-worker",
  disaggregation: "x-baton-disaggregation",
  overlapCredit: "x-baton-overlap-credit",
  temperature: "x-baton-routing-temperature",
} as const;

const MODES = ["always", "conditional"] as const;

export type RoutingOverrides = "allow" | "refuse";

/** @throws BatonError `invalid_argument` for a value that is none, `permission_denied` where clients have no say */
export function routingWishes(headers: IncomingHttpHeaders, overrides: RoutingOverrides): RoutingWishes {
  const given = Object.values(HEADERS).find((name) => headers[name] !== undefined);
  if (given === undefined) return {};
  if (overrides === "refuse") throw refused(`the header "${given}"`, given);
  const policy = (name: string) => oneOf(headers, name, POLICY_NAMES);
  return {
    policies: {
      ...present("prefill", policy(HEADERS.prefillPolicy)),
      ...present("decode", policy(HEADERS.decodePolicy)),
    },
    workers: {
      ...present("prefill", textOf(headers, HEADERS.prefillWorker)),
      ...present("decode", textOf(headers, HEADERS.decodeWorker)),
    },
    kv: {
      ...present("overlapCredit", share(headers, HEADERS.overlapCredit)),
      ...present("temperature", share(headers, HEADERS.temperature)),
    },
    ...present("disaggregation", oneOf(headers, HEADERS.disaggregation, MODES)),
  };
}

/** What is refused where clients have no say. */
export function refused(what: string, param: string): BatonError {
  return new BatonError(
    "permission_denied",
    `Cannot use ${what}: this router lets no request choose its own way, expected it to be left out`,
    { param },
  );
}

function present<Name extends string, T>(name: Name, value: T | undefined) {
  return (value === undefined ? {} : { [name]: value }) as { readonly [K in Name]?: T };
}

function textOf(headers: IncomingHttpHeaders, name: string): string | undefined {
  const value = headers[name];
  return value === undefined ? undefined : String(value);
}

function oneOf<T extends string>(
  headers: IncomingHttpHeaders,
  name: string,
  choices: readonly T[],
): T | undefined {
  const value = textOf(headers, name);
  const choice = choices.find((candidate) => candidate === value);
  if (value !== undefined && choice === undefined) throw invalid(name, value, choices.join(", "));
  return choice;
}

function share(headers: IncomingHttpHeaders, name: string): number | undefined {
  const value = textOf(headers, name);
  if (value === undefined) return undefined;
  const number = /^\d*\.?\d+$/.test(value) ? Number(value) : Number.NaN;
  if (number >= 0 && number <= 1) return number;
  throw invalid(name, value, "a number from 0 to 1");
}

function invalid(name: string, value: string, accepted: string): BatonError {
  return new BatonError(
    "invalid_argument",
    `Cannot use the header "${name}": it is "${value}", expected ${accepted}`,
    { param: name },
  );
}
