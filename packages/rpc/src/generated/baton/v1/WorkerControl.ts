// Original file: proto/baton/v1/control.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { DrainRequest as _baton_v1_DrainRequest, DrainRequest__Output as _baton_v1_DrainRequest__Output } from '../../baton/v1/DrainRequest.ts';
import type { DrainResponse as _baton_v1_DrainResponse, DrainResponse__Output as _baton_v1_DrainResponse__Output } from '../../baton/v1/DrainResponse.ts';
import type { FlushCacheRequest as _baton_v1_FlushCacheRequest, FlushCacheRequest__Output as _baton_v1_FlushCacheRequest__Output } from '../../baton/v1/FlushCacheRequest.ts';
import type { FlushCacheResponse as _baton_v1_FlushCacheResponse, FlushCacheResponse__Output as _baton_v1_FlushCacheResponse__Output } from '../../baton/v1/FlushCacheResponse.ts';
import type { GetStatusRequest as _baton_v1_GetStatusRequest, GetStatusRequest__Output as _baton_v1_GetStatusRequest__Output } from '../../baton/v1/GetStatusRequest.ts';
import type { ResumeRequest as _baton_v1_ResumeRequest, ResumeRequest__Output as _baton_v1_ResumeRequest__Output } from '../../baton/v1/ResumeRequest.ts';
import type { ResumeResponse as _baton_v1_ResumeResponse, ResumeResponse__Output as _baton_v1_ResumeResponse__Output } from '../../baton/v1/ResumeResponse.ts';
import type { WorkerStatus as _baton_v1_WorkerStatus, WorkerStatus__Output as _baton_v1_WorkerStatus__Output } from '../../baton/v1/WorkerStatus.ts';

export interface WorkerControlClient extends grpc.Client {
  Drain(argument: _baton_v1_DrainRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_baton_v1_DrainResponse__Output>): grpc.ClientUnaryCall;
  Drain(argument: _baton_v1_DrainRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_baton_v1_DrainResponse__Output>): grpc.ClientUnaryCall;
  Drain(argument: _baton_v1_DrainRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_baton_v1_DrainResponse__Output>): grpc.ClientUnaryCall;
  Drain(argument: _baton_v1_DrainRequest, callback: grpc.requestCallback<_baton_v1_DrainResponse__Output>): grpc.ClientUnaryCall;
  drain(argument: _baton_v1_DrainRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_baton_v1_DrainResponse__Output>): grpc.ClientUnaryCall;
  drain(argument: _baton_v1_DrainRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_baton_v1_DrainResponse__Output>): grpc.ClientUnaryCall;
  drain(argument: _baton_v1_DrainRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_baton_v1_DrainResponse__Output>): grpc.ClientUnaryCall;
  drain(argument: _baton_v1_DrainRequest, callback: grpc.requestCallback<_baton_v1_DrainResponse__Output>): grpc.ClientUnaryCall;
  
  FlushCache(argument: _baton_v1_FlushCacheRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_baton_v1_FlushCacheResponse__Output>): grpc.ClientUnaryCall;
  FlushCache(argument: _baton_v1_FlushCacheRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_baton_v1_FlushCacheResponse__Output>): grpc.ClientUnaryCall;
  FlushCache(argument: _baton_v1_FlushCacheRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_baton_v1_FlushCacheResponse__Output>): grpc.ClientUnaryCall;
  FlushCache(argument: _baton_v1_FlushCacheRequest, callback: grpc.requestCallback<_baton_v1_FlushCacheResponse__Output>): grpc.ClientUnaryCall;
  flushCache(argument: _baton_v1_FlushCacheRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_baton_v1_FlushCacheResponse__Output>): grpc.ClientUnaryCall;
  flushCache(argument: _baton_v1_FlushCacheRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_baton_v1_FlushCacheResponse__Output>): grpc.ClientUnaryCall;
  flushCache(argument: _baton_v1_FlushCacheRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_baton_v1_FlushCacheResponse__Output>): grpc.ClientUnaryCall;
  flushCache(argument: _baton_v1_FlushCacheRequest, callback: grpc.requestCallback<_baton_v1_FlushCacheResponse__Output>): grpc.ClientUnaryCall;
  
  GetStatus(argument: _baton_v1_GetStatusRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_baton_v1_WorkerStatus__Output>): grpc.ClientUnaryCall;
  GetStatus(argument: _baton_v1_GetStatusRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_baton_v1_WorkerStatus__Output>): grpc.ClientUnaryCall;
  GetStatus(argument: _baton_v1_GetStatusRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_baton_v1_WorkerStatus__Output>): grpc.ClientUnaryCall;
  GetStatus(argument: _baton_v1_GetStatusRequest, callback: grpc.requestCallback<_baton_v1_WorkerStatus__Output>): grpc.ClientUnaryCall;
  getStatus(argument: _baton_v1_GetStatusRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_baton_v1_WorkerStatus__Output>): grpc.ClientUnaryCall;
  getStatus(argument: _baton_v1_GetStatusRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_baton_v1_WorkerStatus__Output>): grpc.ClientUnaryCall;
  getStatus(argument: _baton_v1_GetStatusRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_baton_v1_WorkerStatus__Output>): grpc.ClientUnaryCall;
  getStatus(argument: _baton_v1_GetStatusRequest, callback: grpc.requestCallback<_baton_v1_WorkerStatus__Output>): grpc.ClientUnaryCall;
  
  Resume(argument: _baton_v1_ResumeRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_baton_v1_ResumeResponse__Output>): grpc.ClientUnaryCall;
  Resume(argument: _baton_v1_ResumeRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_baton_v1_ResumeResponse__Output>): grpc.ClientUnaryCall;
  Resume(argument: _baton_v1_ResumeRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_baton_v1_ResumeResponse__Output>): grpc.ClientUnaryCall;
  Resume(argument: _baton_v1_ResumeRequest, callback: grpc.requestCallback<_baton_v1_ResumeResponse__Output>): grpc.ClientUnaryCall;
  resume(argument: _baton_v1_ResumeRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_baton_v1_ResumeResponse__Output>): grpc.ClientUnaryCall;
  resume(argument: _baton_v1_ResumeRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_baton_v1_ResumeResponse__Output>): grpc.ClientUnaryCall;
  resume(argument: _baton_v1_ResumeRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_baton_v1_ResumeResponse__Output>): grpc.ClientUnaryCall;
  resume(argument: _baton_v1_ResumeRequest, callback: grpc.requestCallback<_baton_v1_ResumeResponse__Output>): grpc.ClientUnaryCall;
  
}

export interface WorkerControlHandlers extends grpc.UntypedServiceImplementation {
  Drain: grpc.handleUnaryCall<_baton_v1_DrainRequest__Output, _baton_v1_DrainResponse>;
  
  FlushCache: grpc.handleUnaryCall<_baton_v1_FlushCacheRequest__Output, _baton_v1_FlushCacheResponse>;
  
  GetStatus: grpc.handleUnaryCall<_baton_v1_GetStatusRequest__Output, _baton_v1_WorkerStatus>;
  
  Resume: grpc.handleUnaryCall<_baton_v1_ResumeRequest__Output, _baton_v1_ResumeResponse>;
  
}

export interface WorkerControlDefinition extends grpc.ServiceDefinition {
  Drain: MethodDefinition<_baton_v1_DrainRequest, _baton_v1_DrainResponse, _baton_v1_DrainRequest__Output, _baton_v1_DrainResponse__Output>
  FlushCache: MethodDefinition<_baton_v1_FlushCacheRequest, _baton_v1_FlushCacheResponse, _baton_v1_FlushCacheRequest__Output, _baton_v1_FlushCacheResponse__Output>
  GetStatus: MethodDefinition<_baton_v1_GetStatusRequest, _baton_v1_WorkerStatus, _baton_v1_GetStatusRequest__Output, _baton_v1_WorkerStatus__Output>
  Resume: MethodDefinition<_baton_v1_ResumeRequest, _baton_v1_ResumeResponse, _baton_v1_ResumeRequest__Output, _baton_v1_ResumeResponse__Output>
}
