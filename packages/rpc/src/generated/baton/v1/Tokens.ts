// Original file: proto/baton/v1/decode.proto


export interface Tokens {
  'tokenIds'?: (number)[];
}

export interface Tokens__Output {
  'tokenIds': (number)[];
}
