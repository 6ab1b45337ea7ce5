// Original file: proto/baton/v1/decode.proto

import type { Long } from '@grpc/proto-loader';

export interface KvHandover {
  'host'?: (string);
  'port'?: (number);
  'bootstrapRoom'?: (number | string | Long);
}

export interface KvHandover__Output {
  'host': (string);
  'port': (number);
  'bootstrapRoom': (string);
}
