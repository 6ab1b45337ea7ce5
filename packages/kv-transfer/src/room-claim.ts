import type { BootstrapRoom, ExternalTraceHeader } from "@baton/core";
import type { FrameConnection } from "./frame-connection.ts";
import type { KvPeer } from "./transfer-api.ts";
import type { FrameFields } from "./wire-format.ts";

/** A decode worker that has said a valid HELLO for a room. */
export interface RoomClaim {
  readonly room: BootstrapRoom;
  readonly connection: FrameConnection;
  readonly hello: FrameFields<"hello">;
  readonly peer: KvPeer;
  readonly trace: ExternalTraceHeader | undefined;
}
