import type * as grpc from '@grpc/grpc-js';
import type { MessageTypeDefinition } from '@grpc/proto-loader';

import type { DrainRequest as _baton_v1_DrainRequest, DrainRequest__Output as _baton_v1_DrainRequest__Output } from './baton/v1/DrainRequest.ts';
import type { DrainResponse as _baton_v1_DrainResponse, DrainResponse__Output as _baton_v1_DrainResponse__Output } from './baton/v1/DrainResponse.ts';
import type { FlushCacheRequest as _baton_v1_FlushCacheRequest, FlushCacheRequest__Output as _baton_v1_FlushCacheRequest__Output } from './baton/v1/FlushCacheRequest.ts';
import type { FlushCacheResponse as _baton_v1_FlushCacheResponse, FlushCacheResponse__Output as _baton_v1_FlushCacheResponse__Output } from './baton/v1/FlushCacheResponse.ts';
import type { GetStatusRequest as _baton_v1_GetStatusRequest, GetStatusRequest__Output as _baton_v1_GetStatusRequest__Output } from './baton/v1/GetStatusRequest.ts';
import type { ResumeRequest as _baton_v1_ResumeRequest, ResumeRequest__Output as _baton_v1_ResumeRequest__Output } from './baton/v1/ResumeRequest.ts';
import type { ResumeResponse as _baton_v1_ResumeResponse, ResumeResponse__Output as _baton_v1_ResumeResponse__Output } from './baton/v1/ResumeResponse.ts';
import type { WorkerControlClient as _baton_v1_WorkerControlClient, WorkerControlDefinition as _baton_v1_WorkerControlDefinition } from './baton/v1/WorkerControl.ts';
import type { WorkerStatus as _baton_v1_WorkerStatus, WorkerStatus__Output as _baton_v1_WorkerStatus__Output } from './baton/v1/WorkerStatus.ts';

type SubtypeConstructor<Constructor extends new (...args: any) => any, Subtype> = {
  new(...args: ConstructorParameters<Constructor>): Subtype;
};

export interface ProtoGrpcType {
  baton: {
    v1: {
      DrainRequest: MessageTypeDefinition<_baton_v1_DrainRequest, _baton_v1_DrainRequest__Output>
      DrainResponse: MessageTypeDefinition<_baton_v1_DrainResponse, _baton_v1_DrainResponse__Output>
      FlushCacheRequest: MessageTypeDefinition<_baton_v1_FlushCacheRequest, _baton_v1_FlushCacheRequest__Output>
      FlushCacheResponse: MessageTypeDefinition<_baton_v1_FlushCacheResponse, _baton_v1_FlushCacheResponse__Output>
      GetStatusRequest: MessageTypeDefinition<_baton_v1_GetStatusRequest, _baton_v1_GetStatusRequest__Output>
      ResumeRequest: MessageTypeDefinition<_baton_v1_ResumeRequest, _baton_v1_ResumeRequest__Output>
      ResumeResponse: MessageTypeDefinition<_baton_v1_ResumeResponse, _baton_v1_ResumeResponse__Output>
      WorkerControl: SubtypeConstructor<typeof grpc.Client, _baton_v1_WorkerControlClient> & { service: _baton_v1_WorkerControlDefinition }
      WorkerStatus: MessageTypeDefinition<_baton_v1_WorkerStatus, _baton_v1_WorkerStatus__Output>
    }
  }
}

