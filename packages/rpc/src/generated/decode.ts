import type * as grpc from '@grpc/grpc-js';
import type { MessageTypeDefinition } from '@grpc/proto-loader';

import type { DecodeWorkerClient as _baton_v1_DecodeWorkerClient, DecodeWorkerDefinition as _baton_v1_DecodeWorkerDefinition } from './baton/v1/DecodeWorker.ts';
import type { End as _baton_v1_End, End__Output as _baton_v1_End__Output } from './baton/v1/End.ts';
import type { GenerateEvent as _baton_v1_GenerateEvent, GenerateEvent__Output as _baton_v1_GenerateEvent__Output } from './baton/v1/GenerateEvent.ts';
import type { GenerateRequest as _baton_v1_GenerateRequest, GenerateRequest__Output as _baton_v1_GenerateRequest__Output } from './baton/v1/GenerateRequest.ts';
import type { KvHandover as _baton_v1_KvHandover, KvHandover__Output as _baton_v1_KvHandover__Output } from './baton/v1/KvHandover.ts';
import type { KvLayout as _baton_v1_KvLayout, KvLayout__Output as _baton_v1_KvLayout__Output } from './baton/v1/KvLayout.ts';
import type { LegTimings as _baton_v1_LegTimings, LegTimings__Output as _baton_v1_LegTimings__Output } from './baton/v1/LegTimings.ts';
import type { SamplingParams as _baton_v1_SamplingParams, SamplingParams__Output as _baton_v1_SamplingParams__Output } from './baton/v1/SamplingParams.ts';
import type { StopRequest as _baton_v1_StopRequest, StopRequest__Output as _baton_v1_StopRequest__Output } from './baton/v1/StopRequest.ts';
import type { StopResponse as _baton_v1_StopResponse, StopResponse__Output as _baton_v1_StopResponse__Output } from './baton/v1/StopResponse.ts';
import type { TokenBias as _baton_v1_TokenBias, TokenBias__Output as _baton_v1_TokenBias__Output } from './baton/v1/TokenBias.ts';
import type { TokenLogprobs as _baton_v1_TokenLogprobs, TokenLogprobs__Output as _baton_v1_TokenLogprobs__Output } from './baton/v1/TokenLogprobs.ts';
import type { Tokens as _baton_v1_Tokens, Tokens__Output as _baton_v1_Tokens__Output } from './baton/v1/Tokens.ts';
import type { TraceHeader as _baton_v1_TraceHeader, TraceHeader__Output as _baton_v1_TraceHeader__Output } from './baton/v1/TraceHeader.ts';
import type { Usage as _baton_v1_Usage, Usage__Output as _baton_v1_Usage__Output } from './baton/v1/Usage.ts';

type SubtypeConstructor<Constructor extends new (...args: any) => any, Subtype> = {
  new(...args: ConstructorParameters<Constructor>): Subtype;
};

export interface ProtoGrpcType {
  baton: {
    v1: {
      DecodeWorker: SubtypeConstructor<typeof grpc.Client, _baton_v1_DecodeWorkerClient> & { service: _baton_v1_DecodeWorkerDefinition }
      End: MessageTypeDefinition<_baton_v1_End, _baton_v1_End__Output>
      GenerateEvent: MessageTypeDefinition<_baton_v1_GenerateEvent, _baton_v1_GenerateEvent__Output>
      GenerateRequest: MessageTypeDefinition<_baton_v1_GenerateRequest, _baton_v1_GenerateRequest__Output>
      KvHandover: MessageTypeDefinition<_baton_v1_KvHandover, _baton_v1_KvHandover__Output>
      KvLayout: MessageTypeDefinition<_baton_v1_KvLayout, _baton_v1_KvLayout__Output>
      LegTimings: MessageTypeDefinition<_baton_v1_LegTimings, _baton_v1_LegTimings__Output>
      SamplingParams: MessageTypeDefinition<_baton_v1_SamplingParams, _baton_v1_SamplingParams__Output>
      StopRequest: MessageTypeDefinition<_baton_v1_StopRequest, _baton_v1_StopRequest__Output>
      StopResponse: MessageTypeDefinition<_baton_v1_StopResponse, _baton_v1_StopResponse__Output>
      TokenBias: MessageTypeDefinition<_baton_v1_TokenBias, _baton_v1_TokenBias__Output>
      TokenLogprobs: MessageTypeDefinition<_baton_v1_TokenLogprobs, _baton_v1_TokenLogprobs__Output>
      Tokens: MessageTypeDefinition<_baton_v1_Tokens, _baton_v1_Tokens__Output>
      TraceHeader: MessageTypeDefinition<_baton_v1_TraceHeader, _baton_v1_TraceHeader__Output>
      Usage: MessageTypeDefinition<_baton_v1_Usage, _baton_v1_Usage__Output>
    }
  }
}

