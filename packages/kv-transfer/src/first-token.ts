/**
 * The first token of an answer as FIRST_TOKEN carries it. Its field `logprobs` is empty where the request asked for
 * none; else it is an f32, the token's own log-probability, and then for each of the most likely tokens, most likely
 * first, its id as u32 and its log-probability as f32.
 */
import type { TokenLogprobs } from "@baton/core";
import { protocolError } from "./protocol-error.ts";
import type { FirstToken } from "./transfer-api.ts";
import type { FrameFields } from "./wire-format.ts";

export function firstTokenFields({
  tokenId,
  cachedTokens,
  logprobs,
}: FirstToken): FrameFields<"first_token"> {
  return { tokenId, cachedTokens, logprobs: logprobs ? encodeLogprobs(logprobs) : new Uint8Array(0) };
}

/** @throws BatonError `kv_transfer_failed` for log-probabilities that are cut short. */
export function firstTokenOf(fields: FrameFields<"first_token">): FirstToken {
  const { tokenId, cachedTokens, logprobs } = fields;
  if (logprobs.length === 0) return { tokenId, cachedTokens };
  return { tokenId, cachedTokens, logprobs: decodeLogprobs(logprobs) };
}

function encodeLogprobs({ logprob, top }: TokenLogprobs): Uint8Array {
  const bytes = new Uint8Array(4 + 8 * top.length);
  const view = new DataView(bytes.buffer);
  view.setFloat32(0, logprob, true);
  for (const [index, entry] of top.entries()) {
    view.setUint32(4 + 8 * index, entry.tokenId, true);
    view.setFloat32(8 + 8 * index, entry.logprob, true);
  }
  return bytes;
}

function decodeLogprobs(bytes: Uint8Array): TokenLogprobs {
  if (bytes.length % 8 !== 4) {
    throw protocolError(
      `"logprobs" of the first token is ${bytes.length} bytes, expected 4 and then 8 for each`,
    );
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const top = Array.from({ length: (bytes.length - 4) / 8 }, (_, index) => ({
    tokenId: view.getUint32(4 + 8 * index, true),
    logprob: view.getFloat32(8 + 8 * index, true),
  }));
  return { logprob: view.getFloat32(0, true), top };
}
