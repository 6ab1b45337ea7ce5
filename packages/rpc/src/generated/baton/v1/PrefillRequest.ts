// Original file: proto/baton/v1/prefill.proto

import type { SamplingParams as _baton_v1_SamplingParams, SamplingParams__Output as _baton_v1_SamplingParams__Output } from '../../baton/v1/SamplingParams.ts';
import type { TraceHeader as _baton_v1_TraceHeader, TraceHeader__Output as _baton_v1_TraceHeader__Output } from '../../baton/v1/TraceHeader.ts';
import type { Long } from '@grpc/proto-loader';

export interface PrefillRequest {
  'requestId'?: (string);
  'promptTokenIds'?: (number)[];
  'sampling'?: (_baton_v1_SamplingParams | null);
  'bootstrapRoom'?: (number | string | Long);
  'attempt'?: (number);
  'externalTraceHeader'?: (_baton_v1_TraceHeader | null);
  'answeredTokenIds'?: (number)[];
  'probe'?: (boolean);
}

export interface PrefillRequest__Output {
  'requestId': (string);
  'promptTokenIds': (number)[];
  'sampling': (_baton_v1_SamplingParams__Output | null);
  'bootstrapRoom': (string);
  'attempt': (number);
  'externalTraceHeader': (_baton_v1_TraceHeader__Output | null);
  'answeredTokenIds': (number)[];
  'probe': (boolean);
}
