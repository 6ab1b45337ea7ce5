import type * as grpc from '@grpc/grpc-js';
import type { MessageTypeDefinition } from '@grpc/proto-loader';

import type { FeedUpdate as _baton_v1_FeedUpdate, FeedUpdate__Output as _baton_v1_FeedUpdate__Output } from './baton/v1/FeedUpdate.ts';
import type { FollowRequest as _baton_v1_FollowRequest, FollowRequest__Output as _baton_v1_FollowRequest__Output } from './baton/v1/FollowRequest.ts';
import type { KvCleared as _baton_v1_KvCleared, KvCleared__Output as _baton_v1_KvCleared__Output } from './baton/v1/KvCleared.ts';
import type { KvEvent as _baton_v1_KvEvent, KvEvent__Output as _baton_v1_KvEvent__Output } from './baton/v1/KvEvent.ts';
import type { KvEvents as _baton_v1_KvEvents, KvEvents__Output as _baton_v1_KvEvents__Output } from './baton/v1/KvEvents.ts';
import type { KvSnapshot as _baton_v1_KvSnapshot, KvSnapshot__Output as _baton_v1_KvSnapshot__Output } from './baton/v1/KvSnapshot.ts';
import type { LoadReport as _baton_v1_LoadReport, LoadReport__Output as _baton_v1_LoadReport__Output } from './baton/v1/LoadReport.ts';
import type { WorkerFeedClient as _baton_v1_WorkerFeedClient, WorkerFeedDefinition as _baton_v1_WorkerFeedDefinition } from './baton/v1/WorkerFeed.ts';

type SubtypeConstructor<Constructor extends new (...args: any) => any, Subtype> = {
  new(...args: ConstructorParameters<Constructor>): Subtype;
};

export interface ProtoGrpcType {
  baton: {
    v1: {
      FeedUpdate: MessageTypeDefinition<_baton_v1_FeedUpdate, _baton_v1_FeedUpdate__Output>
      FollowRequest: MessageTypeDefinition<_baton_v1_FollowRequest, _baton_v1_FollowRequest__Output>
      KvCleared: MessageTypeDefinition<_baton_v1_KvCleared, _baton_v1_KvCleared__Output>
      KvEvent: MessageTypeDefinition<_baton_v1_KvEvent, _baton_v1_KvEvent__Output>
      KvEvents: MessageTypeDefinition<_baton_v1_KvEvents, _baton_v1_KvEvents__Output>
      KvSnapshot: MessageTypeDefinition<_baton_v1_KvSnapshot, _baton_v1_KvSnapshot__Output>
      LoadReport: MessageTypeDefinition<_baton_v1_LoadReport, _baton_v1_LoadReport__Output>
      WorkerFeed: SubtypeConstructor<typeof grpc.Client, _baton_v1_WorkerFeedClient> & { service: _baton_v1_WorkerFeedDefinition }
    }
  }
}

