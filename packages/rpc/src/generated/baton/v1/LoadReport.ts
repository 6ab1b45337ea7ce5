// Original file: proto/baton/v1/feed.proto


export interface LoadReport {
  'waitingTokens'?: (number);
  'usedBlocks'?: (number);
  'runningSequences'?: (number);
  'waitingSequences'?: (number);
}

export interface LoadReport__Output {
  'waitingTokens': (number);
  'usedBlocks': (number);
  'runningSequences': (number);
  'waitingSequences': (number);
}
