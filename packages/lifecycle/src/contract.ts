/** What a service process and its supervisor agree on. */

/** Exit codes of every Baton process. */
export const EXIT_CODE = {
  ok: 0,
  /** Something failed while starting or running; a restart may help. */
  failed: 1,
  /** The configuration is wrong; a restart cannot help. */
  configuration: 2,
  /** An address is already in use; a restart cannot help. */
  addressInUse: 3,
} as const;

/** Sent once over the IPC channel, where there is one, when every listener is up. Addresses are `host:port`. */
export interface ReadyMessage {
  readonly type: "ready";
  readonly addresses: Readonly<Record<string, string>>;
}
