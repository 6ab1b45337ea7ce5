/**
 * The W3C trace context as it crosses a process: read strictly, written from the real span, flags included.
 * Whatever is malformed is treated as absent, as the W3C asks: a bad header never fails a request.
 *
 * What Baton itself must carry is a vendor entry in front of `tracestate`, `baton=l:<level>;p:<span id>`, and so it
 * crosses HTTP, gRPC, the KV HELLO and the engine's boundary by itself. The entry lives on the wire only: it is taken
 * off when a header is read, and is in no span's `tracestate`.
 */
import type { ExternalTraceHeader } from "@baton/core";
import { createTraceState, isSpanContextValid, type SpanContext } from "@opentelemetry/api";
import { isTraceLevel, type TraceLevel } from "./level.ts";

const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const FORBIDDEN_VERSION = "ff";
const SAMPLED = 0x01;

/** Bounds of `tracestate` in the W3C recommendation. */
const MAX_MEMBERS = 32;
const MAX_CHARACTERS = 512;
const LONG_MEMBER = 128;
const MEMBER_KEY = /^([a-z][a-z0-9_\-*/]{0,255}|[a-z0-9][a-z0-9_\-*/]{0,240}@[a-z][a-z0-9_\-*/]{0,13})$/;
const MEMBER_VALUE = /^[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]$/;

const OWN_KEY = "baton=";
const OWN_MEMBER = /^baton=l:([0-3])(?:;p:([0-9a-f]{16}))?$/;

/** What a request carries from process to process besides its trace context. */
export interface CarriedState {
  /** How much of the request is recorded. */
  readonly level: TraceLevel;
  /** Span id of the request's latest first-level slice, to which the next one links. */
  readonly previous?: string | undefined;
}

/** A header as it was read. */
export interface ReadHeader {
  readonly context: SpanContext;
  /** Absent where the header comes from another system. */
  readonly carried?: CarriedState;
}

/** Reads a header that came from outside; undefined where its `traceparent` is not valid. */
export function parseHeader(header: ExternalTraceHeader): ReadHeader | undefined {
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
  const members = membersOf(header.tracestate);
  const own = members.find((member) => member.startsWith(OWN_KEY));
  const state = shorten(members.filter((member) => member !== own)).join(",");
  const carried = own === undefined ? undefined : parseOwn(own);
  return {
    context: state === "" ? context : { ...context, traceState: createTraceState(state) },
    ...(carried && { carried }),
  };
}

function parseOwn(member: string): CarriedState | undefined {
  const [, digit, previous] = OWN_MEMBER.exec(member) ?? [];
  const level = Number(digit);
  return isTraceLevel(level) ? { level, previous } : undefined;
}

/** Writes the header of a span; undefined for the invalid context of a disabled SDK. */
export function formatHeader(context: SpanContext, carried?: CarriedState): ExternalTraceHeader | undefined {
  if (!isSpanContextValid(context)) return undefined;
  const traceparent = formatTraceparent(context);
  const theirs = context.traceState?.serialize() ?? "";
  const tracestate = carried ? withOwn(carried, theirs) : theirs;
  return tracestate === "" ? { traceparent } : { traceparent, tracestate };
}

/** Of a context that is known to be valid. */
export function formatTraceparent({ traceId, spanId, traceFlags }: SpanContext): string {
  return `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, "0")}`;
}

/** Our entry in front, as the W3C wants what changed last; the others make room where there is none. */
function withOwn({ level, previous }: CarriedState, theirs: string): string {
  const own = `${OWN_KEY}l:${level}${previous === undefined ? "" : `;p:${previous}`}`;
  return theirs === "" ? own : [own, ...shorten(theirs.split(","), own.length + 1)].join(",");
}

/**
 * Makes a header of what a client sent, with both values valid and without an entry of our own: a client has other
 * ways to ask for a level. Undefined where there is no valid `traceparent`.
 */
export function readHeader(
  traceparent: string | undefined,
  tracestate: string | undefined,
): ExternalTraceHeader | undefined {
  if (traceparent === undefined) return undefined;
  const read = parseHeader(tracestate === undefined ? { traceparent } : { traceparent, tracestate });
  return read && formatHeader(read.context);
}

/** The members of a `tracestate`; none where it is absent or malformed: then all of it is dropped. */
function membersOf(raw: string | undefined): readonly string[] {
  const members = (raw ?? "")
    .split(",")
    .map((member) => member.trim())
    .filter((member) => member !== "");
  if (members.length > MAX_MEMBERS || !members.every(isMember)) return [];
  const keys = new Set(members.map((member) => member.slice(0, member.indexOf("="))));
  return keys.size === members.length ? members : [];
}

function isMember(member: string): boolean {
  const separator = member.indexOf("=");
  return (
    separator > 0 &&
    MEMBER_KEY.test(member.slice(0, separator)) &&
    MEMBER_VALUE.test(member.slice(separator + 1))
  );
}

/** Drops whole members until the text fits beside `taken` characters and one member: the long ones first, then from the end. */
function shorten(members: readonly string[], taken = 0): readonly string[] {
  const fits = (some: readonly string[]) =>
    some.join(",").length + taken <= MAX_CHARACTERS && some.length + (taken > 0 ? 1 : 0) <= MAX_MEMBERS;
  if (fits(members)) return members;
  const kept = members.filter((member) => member.length <= LONG_MEMBER);
  while (!fits(kept)) kept.pop();
  return kept;
}
