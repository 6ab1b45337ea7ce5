// Original file: proto/baton/v1/control.proto


export interface FlushCacheResponse {
  'freedBlocks'?: (number);
  'keptBlocks'?: (number);
}

export interface FlushCacheResponse__Output {
  'freedBlocks': (number);
  'keptBlocks': (number);
}
