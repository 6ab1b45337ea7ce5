// Original file: proto/baton/v1/feed.proto

import type { KvCleared as _baton_v1_KvCleared, KvCleared__Output as _baton_v1_KvCleared__Output } from '../../baton/v1/KvCleared.ts';

export interface KvEvent {
  'stored'?: (Buffer | Uint8Array | string);
  'removed'?: (Buffer | Uint8Array | string);
  'cleared'?: (_baton_v1_KvCleared | null);
  'event'?: "stored"|"removed"|"cleared";
}

export interface KvEvent__Output {
  'stored'?: (Buffer);
  'removed'?: (Buffer);
  'cleared'?: (_baton_v1_KvCleared__Output | null);
  'event'?: "stored"|"removed"|"cleared";
}
