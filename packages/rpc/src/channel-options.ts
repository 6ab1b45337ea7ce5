/** Limits and life signs of every connection, on both ends. */
import type { ChannelOptions } from "@grpc/grpc-js";

/** Largest message either way, in bytes; a prompt takes at most 5 bytes per token, so this is 3 million tokens. */
export const MAX_MESSAGE_BYTES = 16 * 1024 * 1024;

/**
 * A killed peer closes its socket and is noticed at once. A frozen one, or a cable pulled, is noticed by the ping:
 * after at most 5 s + 10 s. The time-out is that long because an answer also waits for the event loops of both ends,
 * and on a machine with more to do than it can, a shorter one has dropped connections that were sound.
 */
const KEEPALIVE: ChannelOptions = {
  "grpc.keepalive_time_ms": 5000,
  "grpc.keepalive_timeout_ms": 10_000,
  "grpc.keepalive_permit_without_calls": 1,
};

/** Options of a server. */
export function serverOptions(maxMessageBytes: number): ChannelOptions {
  return {
    ...KEEPALIVE,
    "grpc.max_receive_message_length": maxMessageBytes,
    "grpc.max_send_message_length": maxMessageBytes,
  };
}

/** Options of a client's channel. */
export const CLIENT_OPTIONS: ChannelOptions = {
  ...KEEPALIVE,
  "grpc.max_receive_message_length": MAX_MESSAGE_BYTES,
  "grpc.max_send_message_length": MAX_MESSAGE_BYTES,
  // Workers are near: a restarted one should be reached at once, and a refused connection costs next to nothing.
  "grpc.initial_reconnect_backoff_ms": 50,
  "grpc.max_reconnect_backoff_ms": 1000,
  // Closing a client closes its connection, and a client for a restarted worker starts without the old one's backoff.
  "grpc.use_local_subchannel_pool": 1,
  // Figures of every call that nobody reads.
  "grpc.enable_channelz": 0,
  // The cluster's own traffic: no proxy from the environment, no service config from DNS.
  "grpc.enable_http_proxy": 0,
  "grpc.service_config_disable_resolution": 1,
};
