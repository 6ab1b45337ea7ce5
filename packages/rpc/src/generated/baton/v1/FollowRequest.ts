// Original file: proto/baton/v1/feed.proto


export interface FollowRequest {
  'workerId'?: (string);
  'epoch'?: (string);
}

export interface FollowRequest__Output {
  'workerId': (string);
  'epoch': (string);
}
