// Original file: proto/baton/v1/decode.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { GenerateEvent as _baton_v1_GenerateEvent, GenerateEvent__Output as _baton_v1_GenerateEvent__Output } from '../../baton/v1/GenerateEvent.ts';
import type { GenerateRequest as _baton_v1_GenerateRequest, GenerateRequest__Output as _baton_v1_GenerateRequest__Output } from '../../baton/v1/GenerateRequest.ts';
import type { StopRequest as _baton_v1_StopRequest, StopRequest__Output as _baton_v1_StopRequest__Output } from '../../baton/v1/StopRequest.ts';
import type { StopResponse as _baton_v1_StopResponse, StopResponse__Output as _baton_v1_StopResponse__Output } from '../../baton/v1/StopResponse.ts';

export interface DecodeWorkerClient extends grpc.Client {
  Generate(argument: _baton_v1_GenerateRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_baton_v1_GenerateEvent__Output>;
  Generate(argument: _baton_v1_GenerateRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_baton_v1_GenerateEvent__Output>;
  generate(argument: _baton_v1_GenerateRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_baton_v1_GenerateEvent__Output>;
  generate(argument: _baton_v1_GenerateRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_baton_v1_GenerateEvent__Output>;
  
  Stop(argument: _baton_v1_StopRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_baton_v1_StopResponse__Output>): grpc.ClientUnaryCall;
  Stop(argument: _baton_v1_StopRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_baton_v1_StopResponse__Output>): grpc.ClientUnaryCall;
  Stop(argument: _baton_v1_StopRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_baton_v1_StopResponse__Output>): grpc.ClientUnaryCall;
  Stop(argument: _baton_v1_StopRequest, callback: grpc.requestCallback<_baton_v1_StopResponse__Output>): grpc.ClientUnaryCall;
  stop(argument: _baton_v1_StopRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_baton_v1_StopResponse__Output>): grpc.ClientUnaryCall;
  stop(argument: _baton_v1_StopRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_baton_v1_StopResponse__Output>): grpc.ClientUnaryCall;
  stop(argument: _baton_v1_StopRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_baton_v1_StopResponse__Output>): grpc.ClientUnaryCall;
  stop(argument: _baton_v1_StopRequest, callback: grpc.requestCallback<_baton_v1_StopResponse__Output>): grpc.ClientUnaryCall;
  
}

export interface DecodeWorkerHandlers extends grpc.UntypedServiceImplementation {
  Generate: grpc.handleServerStreamingCall<_baton_v1_GenerateRequest__Output, _baton_v1_GenerateEvent>;
  
  Stop: grpc.handleUnaryCall<_baton_v1_StopRequest__Output, _baton_v1_StopResponse>;
  
}

export interface DecodeWorkerDefinition extends grpc.ServiceDefinition {
  Generate: MethodDefinition<_baton_v1_GenerateRequest, _baton_v1_GenerateEvent, _baton_v1_GenerateRequest__Output, _baton_v1_GenerateEvent__Output>
  Stop: MethodDefinition<_baton_v1_StopRequest, _baton_v1_StopResponse, _baton_v1_StopRequest__Output, _baton_v1_StopResponse__Output>
}
