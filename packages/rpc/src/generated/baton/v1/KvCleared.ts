// Original file: proto/baton/v1/feed.proto


export interface KvCleared {
}

export interface KvCleared__Output {
}
