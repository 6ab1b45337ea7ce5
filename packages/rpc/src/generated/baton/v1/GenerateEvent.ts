// Original file: proto/baton/v1/decode.proto

import type { Tokens as _baton_v1_Tokens, Tokens__Output as _baton_v1_Tokens__Output } from '../../baton/v1/Tokens.ts';
import type { End as _baton_v1_End, End__Output as _baton_v1_End__Output } from '../../baton/v1/End.ts';

export interface GenerateEvent {
  'tokens'?: (_baton_v1_Tokens | null);
  'end'?: (_baton_v1_End | null);
  'event'?: "tokens"|"end";
}

export interface GenerateEvent__Output {
  'tokens'?: (_baton_v1_Tokens__Output | null);
  'end'?: (_baton_v1_End__Output | null);
  'event'?: "tokens"|"end";
}
