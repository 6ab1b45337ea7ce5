// Original file: proto/baton/v1/control.proto


export interface DrainRequest {
  'deadlineMs'?: (number);
  'stop'?: (boolean);
  '_deadlineMs'?: "deadlineMs";
}

export interface DrainRequest__Output {
  'deadlineMs'?: (number);
  'stop': (boolean);
  '_deadlineMs'?: "deadlineMs";
}
