// Original file: proto/baton/v1/feed.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { FeedUpdate as _baton_v1_FeedUpdate, FeedUpdate__Output as _baton_v1_FeedUpdate__Output } from '../../baton/v1/FeedUpdate.ts';
import type { FollowRequest as _baton_v1_FollowRequest, FollowRequest__Output as _baton_v1_FollowRequest__Output } from '../../baton/v1/FollowRequest.ts';

export interface WorkerFeedClient extends grpc.Client {
  Follow(argument: _baton_v1_FollowRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_baton_v1_FeedUpdate__Output>;
  Follow(argument: _baton_v1_FollowRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_baton_v1_FeedUpdate__Output>;
  follow(argument: _baton_v1_FollowRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_baton_v1_FeedUpdate__Output>;
  follow(argument: _baton_v1_FollowRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_baton_v1_FeedUpdate__Output>;
  
}

export interface WorkerFeedHandlers extends grpc.UntypedServiceImplementation {
  Follow: grpc.handleServerStreamingCall<_baton_v1_FollowRequest__Output, _baton_v1_FeedUpdate>;
  
}

export interface WorkerFeedDefinition extends grpc.ServiceDefinition {
  Follow: MethodDefinition<_baton_v1_FollowRequest, _baton_v1_FeedUpdate, _baton_v1_FollowRequest__Output, _baton_v1_FeedUpdate__Output>
}
