// Original file: proto/baton/v1/prefill.proto

import type { Usage as _baton_v1_Usage, Usage__Output as _baton_v1_Usage__Output } from '../../baton/v1/Usage.ts';
import type { LegTimings as _baton_v1_LegTimings, LegTimings__Output as _baton_v1_LegTimings__Output } from '../../baton/v1/LegTimings.ts';
import type { Long } from '@grpc/proto-loader';

export interface PrefillResponse {
  'usage'?: (_baton_v1_Usage | null);
  'firstTokenId'?: (number);
  'kvBytes'?: (number | string | Long);
  'timings'?: (_baton_v1_LegTimings | null);
}

export interface PrefillResponse__Output {
  'usage': (_baton_v1_Usage__Output | null);
  'firstTokenId': (number);
  'kvBytes': (string);
  'timings': (_baton_v1_LegTimings__Output | null);
}
