// Original file: proto/baton/v1/decode.proto


export interface StopRequest {
  'requestId'?: (string);
  'attempt'?: (number);
}

export interface StopRequest__Output {
  'requestId': (string);
  'attempt': (number);
}
