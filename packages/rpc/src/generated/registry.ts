import type * as grpc from '@grpc/grpc-js';
import type { MessageTypeDefinition } from '@grpc/proto-loader';

import type { AnnouncementReply as _baton_v1_AnnouncementReply, AnnouncementReply__Output as _baton_v1_AnnouncementReply__Output } from './baton/v1/AnnouncementReply.ts';
import type { KvLayout as _baton_v1_KvLayout, KvLayout__Output as _baton_v1_KvLayout__Output } from './baton/v1/KvLayout.ts';
import type { LegTimings as _baton_v1_LegTimings, LegTimings__Output as _baton_v1_LegTimings__Output } from './baton/v1/LegTimings.ts';
import type { SamplingParams as _baton_v1_SamplingParams, SamplingParams__Output as _baton_v1_SamplingParams__Output } from './baton/v1/SamplingParams.ts';
import type { TokenBias as _baton_v1_TokenBias, TokenBias__Output as _baton_v1_TokenBias__Output } from './baton/v1/TokenBias.ts';
import type { TraceHeader as _baton_v1_TraceHeader, TraceHeader__Output as _baton_v1_TraceHeader__Output } from './baton/v1/TraceHeader.ts';
import type { Usage as _baton_v1_Usage, Usage__Output as _baton_v1_Usage__Output } from './baton/v1/Usage.ts';
import type { WorkerAnnouncement as _baton_v1_WorkerAnnouncement, WorkerAnnouncement__Output as _baton_v1_WorkerAnnouncement__Output } from './baton/v1/WorkerAnnouncement.ts';
import type { WorkerRegistryClient as _baton_v1_WorkerRegistryClient, WorkerRegistryDefinition as _baton_v1_WorkerRegistryDefinition } from './baton/v1/WorkerRegistry.ts';

type SubtypeConstructor<Constructor extends new (...args: any) => any, Subtype> = {
  new(...args: ConstructorParameters<Constructor>): Subtype;
};

export interface ProtoGrpcType {
  baton: {
    v1: {
      AnnouncementReply: MessageTypeDefinition<_baton_v1_AnnouncementReply, _baton_v1_AnnouncementReply__Output>
      KvLayout: MessageTypeDefinition<_baton_v1_KvLayout, _baton_v1_KvLayout__Output>
      LegTimings: MessageTypeDefinition<_baton_v1_LegTimings, _baton_v1_LegTimings__Output>
      SamplingParams: MessageTypeDefinition<_baton_v1_SamplingParams, _baton_v1_SamplingParams__Output>
      TokenBias: MessageTypeDefinition<_baton_v1_TokenBias, _baton_v1_TokenBias__Output>
      TraceHeader: MessageTypeDefinition<_baton_v1_TraceHeader, _baton_v1_TraceHeader__Output>
      Usage: MessageTypeDefinition<_baton_v1_Usage, _baton_v1_Usage__Output>
      WorkerAnnouncement: MessageTypeDefinition<_baton_v1_WorkerAnnouncement, _baton_v1_WorkerAnnouncement__Output>
      WorkerRegistry: SubtypeConstructor<typeof grpc.Client, _baton_v1_WorkerRegistryClient> & { service: _baton_v1_WorkerRegistryDefinition }
    }
  }
}

