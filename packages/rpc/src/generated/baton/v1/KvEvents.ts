// Original file: proto/baton/v1/feed.proto

import type { KvEvent as _baton_v1_KvEvent, KvEvent__Output as _baton_v1_KvEvent__Output } from '../../baton/v1/KvEvent.ts';
import type { Long } from '@grpc/proto-loader';

export interface KvEvents {
  'firstNumber'?: (number | string | Long);
  'events'?: (_baton_v1_KvEvent)[];
  'waitedMs'?: (number | string);
}

export interface KvEvents__Output {
  'firstNumber': (string);
  'events': (_baton_v1_KvEvent__Output)[];
  'waitedMs': (number);
}
