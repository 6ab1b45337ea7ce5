// Original file: proto/baton/v1/common.proto


export interface Usage {
  'promptTokens'?: (number);
  'cachedTokens'?: (number);
  'completionTokens'?: (number);
}

export interface Usage__Output {
  'promptTokens': (number);
  'cachedTokens': (number);
  'completionTokens': (number);
}
