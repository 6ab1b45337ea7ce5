// Original file: proto/baton/v1/prefill.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { PrefillRequest as _baton_v1_PrefillRequest, PrefillRequest__Output as _baton_v1_PrefillRequest__Output } from '../../baton/v1/PrefillRequest.ts';
import type { PrefillResponse as _baton_v1_PrefillResponse, PrefillResponse__Output as _baton_v1_PrefillResponse__Output } from '../../baton/v1/PrefillResponse.ts';

export interface PrefillWorkerClient extends grpc.Client {
  Prefill(argument: _baton_v1_PrefillRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_baton_v1_PrefillResponse__Output>): grpc.ClientUnaryCall;
  Prefill(argument: _baton_v1_PrefillRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_baton_v1_PrefillResponse__Output>): grpc.ClientUnaryCall;
  Prefill(argument: _baton_v1_PrefillRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_baton_v1_PrefillResponse__Output>): grpc.ClientUnaryCall;
  Prefill(argument: _baton_v1_PrefillRequest, callback: grpc.requestCallback<_baton_v1_PrefillResponse__Output>): grpc.ClientUnaryCall;
  prefill(argument: _baton_v1_PrefillRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_baton_v1_PrefillResponse__Output>): grpc.ClientUnaryCall;
  prefill(argument: _baton_v1_PrefillRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_baton_v1_PrefillResponse__Output>): grpc.ClientUnaryCall;
  prefill(argument: _baton_v1_PrefillRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_baton_v1_PrefillResponse__Output>): grpc.ClientUnaryCall;
  prefill(argument: _baton_v1_PrefillRequest, callback: grpc.requestCallback<_baton_v1_PrefillResponse__Output>): grpc.ClientUnaryCall;
  
}

export interface PrefillWorkerHandlers extends grpc.UntypedServiceImplementation {
  Prefill: grpc.handleUnaryCall<_baton_v1_PrefillRequest__Output, _baton_v1_PrefillResponse>;
  
}

export interface PrefillWorkerDefinition extends grpc.ServiceDefinition {
  Prefill: MethodDefinition<_baton_v1_PrefillRequest, _baton_v1_PrefillResponse, _baton_v1_PrefillRequest__Output, _baton_v1_PrefillResponse__Output>
}
