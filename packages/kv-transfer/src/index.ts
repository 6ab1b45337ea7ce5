export type {
  FirstToken,
  FrameRecord,
  KvPeer,
  KvTransferStatus,
  OpenRoomOptions,
  ReceiveOptions,
  ReceivingRoom,
  RoomState,
  SendingRoom,
  TransferSummary,
} from "./transfer-api.ts";
