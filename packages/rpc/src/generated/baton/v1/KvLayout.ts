// Original file: proto/baton/v1/common.proto


export interface KvLayout {
  'layers'?: (number);
  'kvHeads'?: (number);
  'headDim'?: (number);
  'dtype'?: (string);
  'blockSize'?: (number);
  'modelHash'?: (string);
}

export interface KvLayout__Output {
  'layers': (number);
  'kvHeads': (number);
  'headDim': (number);
  'dtype': (string);
  'blockSize': (number);
  'modelHash': (string);
}
