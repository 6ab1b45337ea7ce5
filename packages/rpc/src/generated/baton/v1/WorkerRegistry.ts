// Original file: proto/baton/v1/registry.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { AnnouncementReply as _baton_v1_AnnouncementReply, AnnouncementReply__Output as _baton_v1_AnnouncementReply__Output } from '../../baton/v1/AnnouncementReply.ts';
import type { WorkerAnnouncement as _baton_v1_WorkerAnnouncement, WorkerAnnouncement__Output as _baton_v1_WorkerAnnouncement__Output } from '../../baton/v1/WorkerAnnouncement.ts';

export interface WorkerRegistryClient extends grpc.Client {
  Attach(metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientDuplexStream<_baton_v1_WorkerAnnouncement, _baton_v1_AnnouncementReply__Output>;
  Attach(options?: grpc.CallOptions): grpc.ClientDuplexStream<_baton_v1_WorkerAnnouncement, _baton_v1_AnnouncementReply__Output>;
  attach(metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientDuplexStream<_baton_v1_WorkerAnnouncement, _baton_v1_AnnouncementReply__Output>;
  attach(options?: grpc.CallOptions): grpc.ClientDuplexStream<_baton_v1_WorkerAnnouncement, _baton_v1_AnnouncementReply__Output>;
  
}

export interface WorkerRegistryHandlers extends grpc.UntypedServiceImplementation {
  Attach: grpc.handleBidiStreamingCall<_baton_v1_WorkerAnnouncement__Output, _baton_v1_AnnouncementReply>;
  
}

export interface WorkerRegistryDefinition extends grpc.ServiceDefinition {
  Attach: MethodDefinition<_baton_v1_WorkerAnnouncement, _baton_v1_AnnouncementReply, _baton_v1_WorkerAnnouncement__Output, _baton_v1_AnnouncementReply__Output>
}
