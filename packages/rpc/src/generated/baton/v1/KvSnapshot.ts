// Original file: proto/baton/v1/feed.proto

import type { Long } from '@grpc/proto-loader';

export interface KvSnapshot {
  'number'?: (number | string | Long);
  'blocks'?: (Buffer | Uint8Array | string);
  'final'?: (boolean);
}

export interface KvSnapshot__Output {
  'number': (string);
  'blocks': (Buffer);
  'final': (boolean);
}
