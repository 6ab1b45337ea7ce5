/** Bounds of a KV server; each protects the worker from peers that are slow, broken or hostile. */
export interface KvServerLimits {
  /** Connections that have not yet said a valid HELLO; one more is refused as overloaded. Default 1024. */
  readonly maxUnidentified: number;
  /** Time for a connection to say its HELLO. Default 5000. */
  readonly helloTimeoutMs: number;
  /** Decode workers waiting for rooms that are not open yet; one more is refused as overloaded. Default 4096. */
  readonly maxWaiting: number;
  /** Longest wait for such a room; the request's own deadline may end it earlier. Default 30000. */
  readonly roomWaitMs: number;
  /** Rooms whose end is remembered, to answer late comers at once. Default 4096. */
  readonly maxEndedRooms: number;
  /** How long it is remembered. Default 60000. */
  readonly endedRoomMs: number;
  /** Bytes of blocks handed to one socket and not yet written; at least one block goes always. Default 4 MiB. */
  readonly maxInFlightBytes: number;
  /** Time for a peer to take what was sent last, before its socket is destroyed. Default 1000. */
  readonly lingerMs: number;
}

/** The documented defaults. */
export const DEFAULT_LIMITS: KvServerLimits = {
  maxUnidentified: 1024,
  helloTimeoutMs: 5000,
  maxWaiting: 4096,
  roomWaitMs: 30_000,
  maxEndedRooms: 4096,
  endedRoomMs: 60_000,
  maxInFlightBytes: 4 * 1024 * 1024,
  lingerMs: 1000,
};
