// Original file: proto/baton/v1/feed.proto

import type { KvSnapshot as _baton_v1_KvSnapshot, KvSnapshot__Output as _baton_v1_KvSnapshot__Output } from '../../baton/v1/KvSnapshot.ts';
import type { KvEvents as _baton_v1_KvEvents, KvEvents__Output as _baton_v1_KvEvents__Output } from '../../baton/v1/KvEvents.ts';
import type { LoadReport as _baton_v1_LoadReport, LoadReport__Output as _baton_v1_LoadReport__Output } from '../../baton/v1/LoadReport.ts';

export interface FeedUpdate {
  'snapshot'?: (_baton_v1_KvSnapshot | null);
  'events'?: (_baton_v1_KvEvents | null);
  'load'?: (_baton_v1_LoadReport | null);
  'update'?: "snapshot"|"events"|"load";
}

export interface FeedUpdate__Output {
  'snapshot'?: (_baton_v1_KvSnapshot__Output | null);
  'events'?: (_baton_v1_KvEvents__Output | null);
  'load'?: (_baton_v1_LoadReport__Output | null);
  'update'?: "snapshot"|"events"|"load";
}
