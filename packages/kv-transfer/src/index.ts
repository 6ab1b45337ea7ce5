export type { KvIdentity } from "./hello.ts";
export { createKvReceiver } from "./kv-receiver.ts";
export { createKvServer, type KvServerOptions } from "./kv-server.ts";
export type { KvServerLimits } from "./kv-server-limits.ts";
export type {
  ControlRecord,
  FirstToken,
  FrameRecord,
  KvPeer,
  KvReceiver,
  KvServer,
  KvTransferStatus,
  OpenRoomOptions,
  ReceiveOptions,
  ReceivingRoom,
  RoomState,
  SendingRoom,
  TransferSummary,
} from "./transfer-api.ts";
