/**
 * Everything about HELLO: how it is made, how its proof is checked, whether it fits to what is served.
 * The proof is an HMAC-SHA256 over all bytes of the frame before it. It may be replayed without harm: it names a
 * room, a room is random and used once, and a second claim of it is refused.
 */
import { createHmac, timingSafeEqual } from "node:crypto";
import {
  BatonError,
  type BootstrapRoom,
  bootstrapRoom,
  type ExternalTraceHeader,
  type KvDtype,
  type KvLayout,
  kvLayoutDifference,
  type WorkerId,
} from "@baton/core";
import { encodeFrame } from "./frame-codec.ts";
import { protocolError } from "./protocol-error.ts";
import { type FrameFields, MAX_TRACEPARENT_BYTES, MAX_TRACESTATE_BYTES } from "./wire-format.ts";

const PROOF_BYTES = 32;
const MAX_U32 = 2 ** 32 - 1;

/** Who speaks, and the cache it has. */
export interface KvIdentity {
  readonly workerId: WorkerId;
  /** Drawn at process start. */
  readonly epoch: string;
  readonly layout: KvLayout;
  /** The cluster's shared secret, if it has one. */
  readonly secret?: string | undefined;
}

/** What a HELLO asks for. */
export interface HelloRequest {
  readonly room: BootstrapRoom;
  readonly promptTokens: number;
  /** Milliseconds until nobody waits for the answer. */
  readonly deadlineMs: number;
  readonly trace: ExternalTraceHeader | undefined;
}

/** The bytes of a HELLO, proof included when there is a secret. */
export function encodeHello(identity: KvIdentity, request: HelloRequest): Buffer {
  const { layout, secret } = identity;
  const frame = encodeFrame("hello", {
    ...layout,
    ...traceFields(request.trace),
    room: request.room,
    deadlineMs: Math.min(Math.max(1, Math.ceil(request.deadlineMs)), MAX_U32),
    promptTokens: request.promptTokens,
    heldTokens: 0,
    workerId: identity.workerId,
    epoch: identity.epoch,
    proof: new Uint8Array(secret === undefined ? 0 : PROOF_BYTES),
  });
  if (secret !== undefined) frame.set(proofOf(frame, secret), frame.length - PROOF_BYTES);
  return frame;
}

/** A trace context that does not fit is left out: telemetry never fails a request. */
function traceFields(trace: ExternalTraceHeader | undefined): { traceparent: string; tracestate: string } {
  const traceparent = orEmpty(trace?.traceparent, MAX_TRACEPARENT_BYTES);
  const tracestate = traceparent === "" ? "" : orEmpty(trace?.tracestate, MAX_TRACESTATE_BYTES);
  return { traceparent, tracestate };
}

function orEmpty(value: string | undefined, maxBytes: number): string {
  return value !== undefined && Buffer.byteLength(value) <= maxBytes ? value : "";
}

function proofOf(frame: Uint8Array, secret: string): Buffer {
  return createHmac("sha256", secret)
    .update(frame.subarray(0, frame.length - PROOF_BYTES))
    .digest();
}

/** True when `proof`, the last field of the HELLO in `frame`, was made with `secret`. Takes the same time either way. */
export function isProofValid(frame: Uint8Array, proof: Uint8Array, secret: string): boolean {
  return proof.length === PROOF_BYTES && timingSafeEqual(proof, proofOf(frame, secret));
}

/** The room that a HELLO names; throws BatonError `kv_transfer_failed` for a number that is no room. */
export function roomOf(hello: FrameFields<"hello">): BootstrapRoom {
  try {
    return bootstrapRoom(hello.room);
  } catch {
    throw protocolError(`room is ${hello.room}, expected 1 to 2^63 - 1`);
  }
}

/** The trace context that a HELLO carries, if it does. */
export function traceOf(hello: FrameFields<"hello">): ExternalTraceHeader | undefined {
  const { traceparent, tracestate } = hello;
  if (traceparent === "") return undefined;
  return tracestate === "" ? { traceparent } : { traceparent, tracestate };
}

/** Refuses a cache of another shape or model: throws BatonError `kv_mismatch` naming the field and both values. */
export function checkLayout(hello: FrameFields<"hello">, layout: KvLayout): void {
  const { layers, kvHeads, headDim, blockSize, modelHash } = hello;
  const dtype = hello.dtype as KvDtype; // Any string; equal to ours or refused.
  const theirs: KvLayout = { layers, kvHeads, headDim, dtype, blockSize, modelHash };
  const difference = kvLayoutDifference(layout, theirs);
  if (difference) throw mismatch(difference.field, difference.theirs, difference.ours);
}

/**
 * Refuses a HELLO for another prompt than the room's: throws BatonError `kv_mismatch` for its length,
 * `kv_transfer_failed` for held tokens that are not whole blocks of it.
 */
export function checkPrompt(hello: FrameFields<"hello">, promptTokens: number, blockSize: number): void {
  if (hello.promptTokens !== promptTokens) {
    throw mismatch("promptTokens", hello.promptTokens, promptTokens);
  }
  if (hello.heldTokens > promptTokens || hello.heldTokens % blockSize !== 0) {
    throw protocolError(
      `"heldTokens" of the peer is ${hello.heldTokens}, expected whole blocks of ${blockSize} within ${promptTokens}`,
    );
  }
}

function mismatch(field: string, theirs: string | number, ours: string | number): BatonError {
  return new BatonError("kv_mismatch", `"${field}" of the peer is "${theirs}", expected "${ours}"`);
}
