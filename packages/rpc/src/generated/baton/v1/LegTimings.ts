// Original file: proto/baton/v1/common.proto


export interface LegTimings {
  'bootstrapMs'?: (number | string);
  'prefillWaitMs'?: (number | string);
  'prefillMs'?: (number | string);
  'transferMs'?: (number | string);
  'decodeWaitMs'?: (number | string);
  'decodeMs'?: (number | string);
  'firstTokenMs'?: (number | string);
}

export interface LegTimings__Output {
  'bootstrapMs': (number);
  'prefillWaitMs': (number);
  'prefillMs': (number);
  'transferMs': (number);
  'decodeWaitMs': (number);
  'decodeMs': (number);
  'firstTokenMs': (number);
}
