// Original file: proto/baton/v1/control.proto


export interface ResumeResponse {
}

export interface ResumeResponse__Output {
}
