// Original file: proto/baton/v1/control.proto

import type { Long } from '@grpc/proto-loader';

export interface WorkerStatus {
  'id'?: (string);
  'epoch'?: (string);
  'state'?: (string);
  'waiting'?: (number);
  'prefilling'?: (number);
  'holding'?: (number);
  'receiving'?: (number);
  'ready'?: (number);
  'running'?: (number);
  'blocksTotal'?: (number);
  'blocksFree'?: (number);
  'blocksCached'?: (number);
  'blocksUsed'?: (number);
  'roomsBootstrapping'?: (number);
  'roomsWaitingForInput'?: (number);
  'roomsTransferring'?: (number);
  'kvConnections'?: (number);
  'openSpans'?: (number);
  'activeResources'?: ({[key: string]: number});
  'rssBytes'?: (number | string | Long);
  'heapUsedBytes'?: (number | string | Long);
  'prefixHitTokens'?: (number | string | Long);
  'prefixMissTokens'?: (number | string | Long);
  'timeMs'?: (number | string);
  'version'?: (string);
}

export interface WorkerStatus__Output {
  'id': (string);
  'epoch': (string);
  'state': (string);
  'waiting': (number);
  'prefilling': (number);
  'holding': (number);
  'receiving': (number);
  'ready': (number);
  'running': (number);
  'blocksTotal': (number);
  'blocksFree': (number);
  'blocksCached': (number);
  'blocksUsed': (number);
  'roomsBootstrapping': (number);
  'roomsWaitingForInput': (number);
  'roomsTransferring': (number);
  'kvConnections': (number);
  'openSpans': (number);
  'activeResources': ({[key: string]: number});
  'rssBytes': (string);
  'heapUsedBytes': (string);
  'prefixHitTokens': (string);
  'prefixMissTokens': (string);
  'timeMs': (number);
  'version': (string);
}
