// Original file: proto/baton/v1/common.proto


export interface TokenBias {
  'tokenId'?: (number);
  'bias'?: (number | string);
}

export interface TokenBias__Output {
  'tokenId': (number);
  'bias': (number);
}
