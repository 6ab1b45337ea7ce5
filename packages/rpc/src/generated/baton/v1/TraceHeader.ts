// Original file: proto/baton/v1/common.proto


export interface TraceHeader {
  'traceparent'?: (string);
  'tracestate'?: (string);
}

export interface TraceHeader__Output {
  'traceparent': (string);
  'tracestate': (string);
}
