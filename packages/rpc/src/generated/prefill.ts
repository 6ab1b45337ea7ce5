import type * as grpc from '@grpc/grpc-js';
import type { MessageTypeDefinition } from '@grpc/proto-loader';

import type { KvLayout as _baton_v1_KvLayout, KvLayout__Output as _baton_v1_KvLayout__Output } from './baton/v1/KvLayout.ts';
import type { LegTimings as _baton_v1_LegTimings, LegTimings__Output as _baton_v1_LegTimings__Output } from './baton/v1/LegTimings.ts';
import type { PrefillRequest as _baton_v1_PrefillRequest, PrefillRequest__Output as _baton_v1_PrefillRequest__Output } from './baton/v1/PrefillRequest.ts';
import type { PrefillResponse as _baton_v1_PrefillResponse, PrefillResponse__Output as _baton_v1_PrefillResponse__Output } from './baton/v1/PrefillResponse.ts';
import type { PrefillWorkerClient as _baton_v1_PrefillWorkerClient, PrefillWorkerDefinition as _baton_v1_PrefillWorkerDefinition } from './baton/v1/PrefillWorker.ts';
import type { SamplingParams as _baton_v1_SamplingParams, SamplingParams__Output as _baton_v1_SamplingParams__Output } from './baton/v1/SamplingParams.ts';
import type { TokenBias as _baton_v1_TokenBias, TokenBias__Output as _baton_v1_TokenBias__Output } from './baton/v1/TokenBias.ts';
import type { TraceHeader as _baton_v1_TraceHeader, TraceHeader__Output as _baton_v1_TraceHeader__Output } from './baton/v1/TraceHeader.ts';
import type { Usage as _baton_v1_Usage, Usage__Output as _baton_v1_Usage__Output } from './baton/v1/Usage.ts';

type SubtypeConstructor<Constructor extends new (...args: any) => any, Subtype> = {
  new(...args: ConstructorParameters<Constructor>): Subtype;
};

export interface ProtoGrpcType {
  baton: {
    v1: {
      KvLayout: MessageTypeDefinition<_baton_v1_KvLayout, _baton_v1_KvLayout__Output>
      LegTimings: MessageTypeDefinition<_baton_v1_LegTimings, _baton_v1_LegTimings__Output>
      PrefillRequest: MessageTypeDefinition<_baton_v1_PrefillRequest, _baton_v1_PrefillRequest__Output>
      PrefillResponse: MessageTypeDefinition<_baton_v1_PrefillResponse, _baton_v1_PrefillResponse__Output>
      PrefillWorker: SubtypeConstructor<typeof grpc.Client, _baton_v1_PrefillWorkerClient> & { service: _baton_v1_PrefillWorkerDefinition }
      SamplingParams: MessageTypeDefinition<_baton_v1_SamplingParams, _baton_v1_SamplingParams__Output>
      TokenBias: MessageTypeDefinition<_baton_v1_TokenBias, _baton_v1_TokenBias__Output>
      TraceHeader: MessageTypeDefinition<_baton_v1_TraceHeader, _baton_v1_TraceHeader__Output>
      Usage: MessageTypeDefinition<_baton_v1_Usage, _baton_v1_Usage__Output>
    }
  }
}

