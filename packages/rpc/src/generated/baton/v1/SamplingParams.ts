// Original file: proto/baton/v1/common.proto

import type { TokenBias as _baton_v1_TokenBias, TokenBias__Output as _baton_v1_TokenBias__Output } from '../../baton/v1/TokenBias.ts';
import type { Long } from '@grpc/proto-loader';

export interface SamplingParams {
  'temperature'?: (number | string);
  'topP'?: (number | string);
  'seed'?: (number | string | Long);
  'maxTokens'?: (number);
  'stopTokenIds'?: (number)[];
  'topK'?: (number);
  'minP'?: (number | string);
  'repetitionPenalty'?: (number | string);
  'presencePenalty'?: (number | string);
  'frequencyPenalty'?: (number | string);
  'logitBias'?: (_baton_v1_TokenBias)[];
  'minTokens'?: (number);
  'topLogprobs'?: (number);
  'grammar'?: (string);
  '_topLogprobs'?: "topLogprobs";
  '_grammar'?: "grammar";
}

export interface SamplingParams__Output {
  'temperature': (number);
  'topP': (number);
  'seed': (string);
  'maxTokens': (number);
  'stopTokenIds': (number)[];
  'topK': (number);
  'minP': (number);
  'repetitionPenalty': (number);
  'presencePenalty': (number);
  'frequencyPenalty': (number);
  'logitBias': (_baton_v1_TokenBias__Output)[];
  'minTokens': (number);
  'topLogprobs'?: (number);
  'grammar'?: (string);
  '_topLogprobs'?: "topLogprobs";
  '_grammar'?: "grammar";
}
