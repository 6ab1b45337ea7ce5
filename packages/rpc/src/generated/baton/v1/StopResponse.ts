// Original file: proto/baton/v1/decode.proto


export interface StopResponse {
}

export interface StopResponse__Output {
}
