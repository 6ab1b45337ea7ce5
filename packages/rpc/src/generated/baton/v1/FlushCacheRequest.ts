// Original file: proto/baton/v1/control.proto


export interface FlushCacheRequest {
}

export interface FlushCacheRequest__Output {
}
