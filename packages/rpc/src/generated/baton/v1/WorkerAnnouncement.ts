// Original file: proto/baton/v1/registry.proto

import type { KvLayout as _baton_v1_KvLayout, KvLayout__Output as _baton_v1_KvLayout__Output } from '../../baton/v1/KvLayout.ts';

export interface WorkerAnnouncement {
  'id'?: (string);
  'epoch'?: (string);
  'role'?: (string);
  'state'?: (string);
  'grpcAddress'?: (string);
  'kvHost'?: (string);
  'kvPort'?: (number);
  'model'?: (string);
  'layout'?: (_baton_v1_KvLayout | null);
  'kvBlocks'?: (number);
  'maxRunning'?: (number);
  'maxModelTokens'?: (number);
  'kvHashSeed'?: (number);
  '_kvHashSeed'?: "kvHashSeed";
}

export interface WorkerAnnouncement__Output {
  'id': (string);
  'epoch': (string);
  'role': (string);
  'state': (string);
  'grpcAddress': (string);
  'kvHost': (string);
  'kvPort': (number);
  'model': (string);
  'layout': (_baton_v1_KvLayout__Output | null);
  'kvBlocks': (number);
  'maxRunning': (number);
  'maxModelTokens': (number);
  'kvHashSeed'?: (number);
  '_kvHashSeed'?: "kvHashSeed";
}
