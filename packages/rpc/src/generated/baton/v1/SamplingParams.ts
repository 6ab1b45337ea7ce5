// Original file: proto/baton/v1/common.proto

import type { Long } from '@grpc/proto-loader';

export interface SamplingParams {
  'temperature'?: (number | string);
  'topP'?: (number | string);
  'seed'?: (number | string | Long);
  'maxTokens'?: (number);
  'stopTokenIds'?: (number)[];
}

export interface SamplingParams__Output {
  'temperature': (number);
  'topP': (number);
  'seed': (string);
  'maxTokens': (number);
  'stopTokenIds': (number)[];
}
