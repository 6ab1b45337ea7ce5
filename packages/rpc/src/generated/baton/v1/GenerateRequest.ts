// Original file: proto/baton/v1/decode.proto

import type { SamplingParams as _baton_v1_SamplingParams, SamplingParams__Output as _baton_v1_SamplingParams__Output } from '../../baton/v1/SamplingParams.ts';
import type { KvHandover as _baton_v1_KvHandover, KvHandover__Output as _baton_v1_KvHandover__Output } from '../../baton/v1/KvHandover.ts';
import type { TraceHeader as _baton_v1_TraceHeader, TraceHeader__Output as _baton_v1_TraceHeader__Output } from '../../baton/v1/TraceHeader.ts';

export interface GenerateRequest {
  'requestId'?: (string);
  'promptTokenIds'?: (number)[];
  'sampling'?: (_baton_v1_SamplingParams | null);
  'handover'?: (_baton_v1_KvHandover | null);
  'attempt'?: (number);
  'externalTraceHeader'?: (_baton_v1_TraceHeader | null);
  'answeredTokenIds'?: (number)[];
  'probe'?: (boolean);
}

export interface GenerateRequest__Output {
  'requestId': (string);
  'promptTokenIds': (number)[];
  'sampling': (_baton_v1_SamplingParams__Output | null);
  'handover': (_baton_v1_KvHandover__Output | null);
  'attempt': (number);
  'externalTraceHeader': (_baton_v1_TraceHeader__Output | null);
  'answeredTokenIds': (number)[];
  'probe': (boolean);
}
