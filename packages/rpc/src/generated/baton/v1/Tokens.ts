// Original file: proto/baton/v1/decode.proto

import type { TokenLogprobs as _baton_v1_TokenLogprobs, TokenLogprobs__Output as _baton_v1_TokenLogprobs__Output } from '../../baton/v1/TokenLogprobs.ts';

export interface Tokens {
  'tokenIds'?: (number)[];
  'logprobs'?: (_baton_v1_TokenLogprobs)[];
}

export interface Tokens__Output {
  'tokenIds': (number)[];
  'logprobs': (_baton_v1_TokenLogprobs__Output)[];
}
