// Original file: proto/baton/v1/registry.proto


export interface AnnouncementReply {
  'heartbeatMs'?: (number);
}

export interface AnnouncementReply__Output {
  'heartbeatMs': (number);
}
