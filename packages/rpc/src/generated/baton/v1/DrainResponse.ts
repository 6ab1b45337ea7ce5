// Original file: proto/baton/v1/control.proto


export interface DrainResponse {
  'running'?: (number);
}

export interface DrainResponse__Output {
  'running': (number);
}
