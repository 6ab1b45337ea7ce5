/**
 * The W3C trace context as it crosses a process: read strictly, written from the real span, flags included.
 * Whatever is malformed is treated as absent, as the W3C asks: a bad header never fails a request.
 */
import type { ExternalTraceHeader } from "@baton/core";
import { createTraceState, isSpanContextValid, type SpanContext } from "@opentelemetry/api";

const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const FORBIDDEN_VERSION = "ff";
const SAMPLED = 0x01;

/** Bounds of `tracestate` in the W3C recommendation. */
const MAX_MEMBERS = 32;
const MAX_CHARACTERS = 512;
const LONG_MEMBER = 128;
const MEMBER_KEY = /^([a-z][a-z0-9_\-*/]{0,255}|[a-z0-9][a-z0-9_\-*/]{0,240}@[a-z][a-z0-9_\-*/]{0,13})$/;
const MEMBER_VALUE = /^[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]$/;

/** Reads a header that came from outside; undefined where its `traceparent` is not valid. */
export function parseHeader(header: ExternalTraceHeader): SpanContext | undefined {
  const match = TRACEPARENT.exec(header.traceparent.trim());
  if (!match) return undefined;
  const [, version, traceId = "", spanId = "", flags = "00", rest] = match;
  if (version === FORBIDDEN_VERSION || (version === "00" && rest !== undefined)) return undefined;
  const bits = Number.parseInt(flags, 16);
  // Of a version that we do not know, only the sampled bit has a meaning that we know.
  const context: SpanContext = {
    traceId,
    spanId,
    traceFlags: version === "00" ? bits : bits & SAMPLED,
    isRemote: true,
  };
  if (!isSpanContextValid(context)) return undefined;
  const state = normalizeTracestate(header.tracestate);
  return state === undefined ? context : { ...context, traceState: createTraceState(state) };
}

/** Writes the header of a span; undefined for the invalid context of a disabled SDK. */
export function formatHeader(context: SpanContext): ExternalTraceHeader | undefined {
  if (!isSpanContextValid(context)) return undefined;
  const flags = context.traceFlags.toString(16).padStart(2, "0");
  const traceparent = `00-${context.traceId}-${context.spanId}-${flags}`;
  const tracestate = context.traceState?.serialize();
  return tracestate ? { traceparent, tracestate } : { traceparent };
}

/**
 * Makes a header of what an HTTP request or gRPC metadata carried, with both values valid; undefined where there is
 * no valid `traceparent`.
 */
export function readHeader(
  traceparent: string | undefined,
  tracestate: string | undefined,
): ExternalTraceHeader | undefined {
  if (traceparent === undefined) return undefined;
  const context = parseHeader(tracestate === undefined ? { traceparent } : { traceparent, tracestate });
  return context && formatHeader(context);
}

/** A `tracestate` within the W3C's bounds, or undefined where it is absent or malformed: then all of it is dropped. */
function normalizeTracestate(raw: string | undefined): string | undefined {
  const members = (raw ?? "")
    .split(",")
    .map((member) => member.trim())
    .filter((member) => member !== "");
  if (members.length === 0 || members.length > MAX_MEMBERS || !members.every(isMember)) return undefined;
  const keys = new Set(members.map((member) => member.slice(0, member.indexOf("="))));
  if (keys.size !== members.length) return undefined;
  return shorten(members).join(",") || undefined;
}

function isMember(member: string): boolean {
  const separator = member.indexOf("=");
  return (
    separator > 0 &&
    MEMBER_KEY.test(member.slice(0, separator)) &&
    MEMBER_VALUE.test(member.slice(separator + 1))
  );
}

/** Drops whole members until the text fits: the long ones first, then from the end. */
function shorten(members: readonly string[]): readonly string[] {
  if (fits(members)) return members;
  const kept = members.filter((member) => member.length <= LONG_MEMBER);
  while (!fits(kept)) kept.pop();
  return kept;
}

function fits(members: readonly string[]): boolean {
  return members.join(",").length <= MAX_CHARACTERS;
}
