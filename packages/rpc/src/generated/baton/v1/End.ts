// Original file: proto/baton/v1/decode.proto

import type { Usage as _baton_v1_Usage, Usage__Output as _baton_v1_Usage__Output } from '../../baton/v1/Usage.ts';
import type { LegTimings as _baton_v1_LegTimings, LegTimings__Output as _baton_v1_LegTimings__Output } from '../../baton/v1/LegTimings.ts';

export interface End {
  'finishReason'?: (string);
  'usage'?: (_baton_v1_Usage | null);
  'timings'?: (_baton_v1_LegTimings | null);
}

export interface End__Output {
  'finishReason': (string);
  'usage': (_baton_v1_Usage__Output | null);
  'timings': (_baton_v1_LegTimings__Output | null);
}
