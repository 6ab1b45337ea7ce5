import type * as grpc from '@grpc/grpc-js';
import type { MessageTypeDefinition } from '@grpc/proto-loader';

import type { FlushCacheRequest as _baton_v1_FlushCacheRequest, FlushCacheRequest__Output as _baton_v1_FlushCacheRequest__Output } from './baton/v1/FlushCacheRequest.ts';
import type { FlushCacheResponse as _baton_v1_FlushCacheResponse, FlushCacheResponse__Output as _baton_v1_FlushCacheResponse__Output } from './baton/v1/FlushCacheResponse.ts';
import type { GetStatusRequest as _baton_v1_GetStatusRequest, GetStatusRequest__Output as _baton_v1_GetStatusRequest__Output } from './baton/v1/GetStatusRequest.ts';
import type { WorkerControlClient as _baton_v1_WorkerControlClient, WorkerControlDefinition as _baton_v1_WorkerControlDefinition } from './baton/v1/WorkerControl.ts';
import type { WorkerStatus as _baton_v1_WorkerStatus, WorkerStatus__Output as _baton_v1_WorkerStatus__Output } from './baton/v1/WorkerStatus.ts';

type SubtypeConstructor<Constructor extends new (...args: any) => any, Subtype> = {
  new(...args: ConstructorParameters<Constructor>): Subtype;
};

export interface ProtoGrpcType {
  baton: {
    v1: {
      FlushCacheRequest: MessageTypeDefinition<_baton_v1_FlushCacheRequest, _baton_v1_FlushCacheRequest__Output>
      FlushCacheResponse: MessageTypeDefinition<_baton_v1_FlushCacheResponse, _baton_v1_FlushCacheResponse__Output>
      GetStatusRequest: MessageTypeDefinition<_baton_v1_GetStatusRequest, _baton_v1_GetStatusRequest__Output>
      WorkerControl: SubtypeConstructor<typeof grpc.Client, _baton_v1_WorkerControlClient> & { service: _baton_v1_WorkerControlDefinition }
      WorkerStatus: MessageTypeDefinition<_baton_v1_WorkerStatus, _baton_v1_WorkerStatus__Output>
    }
  }
}

