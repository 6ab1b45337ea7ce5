/**
 * Every span name and attribute key that Baton writes itself. Nothing else in the repository spells them out.
 * `gen_ai.*` and other conventional keys are used where they exist, `baton.*` otherwise; `bootstrap_room` is the
 * name that both seeds of the design use.
 */

/** Span names. The root is not among them: it is `Req <id>`, see `rootName`. */
export const SPAN = {
  /** Router: from the request being valid to its place in the cluster. */
  admission: "admission",
  /** Router: chat template and tokenizer. */
  tokenize: "tokenize",
  /** Router: the choice of the prefill worker. */
  prefillRouting: "prefill_routing",
  /** Router: the search for the worker that has most of the prompt cached, inside a routing span. */
  kvFindBestMatch: "kv_find_best_match",
  /** Router: the choice of the decode worker. */
  decodeRouting: "decode_routing",
  /** Router: one attempt of the prefill side, a background task. */
  prefillLeg: "prefill_leg",
  /** Router: one attempt of the decode side. */
  decodeLeg: "decode_leg",
  /** Router: from the first to the last byte of the answer. */
  streamOut: "stream_out",

  /** Prefill worker: all of its part. */
  prefill: "prefill",
  /** Prefill worker: until the decode worker's HELLO is accepted. */
  prefillBootstrap: "prefill_bootstrap",
  /** Prefill worker: in the queue of the engine, until the first chunk is scheduled. */
  prefillWaiting: "prefill_waiting",
  /** Prefill worker: the computation of the prompt. */
  prefillForward: "prefill_forward",
  /** Prefill worker: one chunk of the computation. */
  chunkedPrefill: "chunked_prefill",
  /** Prefill worker: from the first KV that can be sent to the decode worker's ACK. */
  prefillTransfer: "prefill_transfer_kv_cache",
  /** Prefill worker: one DATA frame. */
  kvSend: "kv_send",

  /** Decode worker: all of its part. */
  decode: "decode",
  /** Decode worker: until the prefill worker accepts its HELLO. */
  decodeBootstrap: "decode_bootstrap",
  /** Decode worker: until the KV cache is complete. */
  decodeTransferred: "decode_transferred",
  /** Decode worker: one DATA frame. */
  kvRecv: "kv_recv",
  /** Decode worker: until there is a slot in the running batch. */
  decodeWaiting: "decode_waiting",
  /** Decode worker: in the running batch. */
  decodeForward: "decode_forward",
  /** Decode worker: one step of the batch for this sequence, hence one token. */
  decodeLoop: "decode_loop",
  /** Decode worker: stands for the last two where the first token ends the answer. */
  quickFinish: "quick_finish",

  /** Either worker: until the grammar that the answer has to follow is compiled; both legs wait at the same time. */
  grammarCompile: "grammar_compile",

  /** Either worker, module `kv_transfer`: the connection of a hand-over, with what crossed it as events. */
  kvConnection: "kv_connection",
} as const;

/** Names of traces that are no request's, each made by a module; see `module.ts`. */
export const STANDALONE = {
  /** Module `engine`: one step of a worker's batch. */
  engineStep: "engine_step",
  /** Module `routing`: workers came or left. */
  workersChanged: "workers_changed",
} as const;

/** The name of a standalone trace. */
export type StandaloneName = (typeof STANDALONE)[keyof typeof STANDALONE];

/** Event names. */
export const EVENT = {
  /** Every place is taken: the request waits in the queue. */
  queued: "queued",
  /** It got its place. */
  admitted: "admitted",
  /** A worker that could have been chosen, on a routing span. */
  candidate: "candidate",
  /** Part of the prompt was in the prefix cache. */
  cacheHit: "cache_hit",
  /** None of it was. */
  cacheMiss: "cache_miss",
  /** The first token of the answer. */
  firstToken: "first_token",
  /** Every so many tokens. */
  tokens: "tokens",
  /** A sequence gave its place in the batch back and waits again. */
  retracted: "retracted",
  /** It got a place again. */
  resumed: "resumed",
  /** A request without a token yet is tried again. */
  retry: "retry",
  /** An answer that has tokens already goes on elsewhere. */
  migration: "migration",
  /** What a span failed with, where the failure began. */
  error: "error",
  /** Module `kv_transfer`: a frame other than data was sent or received. */
  kvFrame: "kv_frame",
} as const;

/** The name of a stage. */
export type SpanName = (typeof SPAN)[keyof typeof SPAN];

/** The name of a request's root span. */
export function rootName(requestId: string): string {
  return `Req ${requestId}`;
}

/** Attribute keys. */
export const ATTR = {
  /** The room that joins a prefill and a decode leg; 16 hex digits. */
  bootstrapRoom: "bootstrap_room",
  /** The closed error code of what failed. */
  errorType: "error.type",
  /** What the error says, on the event of a failure. */
  errorMessage: "error.message",
  /** True on a span that was ended by its parent because nobody else had: a defect of the code that started it. */
  unclosed: "baton.unclosed",
  /** Leaf spans of this process's part that were left out because there were too many of them. */
  skippedSpans: "baton.spans.skipped",
  /** What a link is for: one of `LINK`. */
  link: "baton.link",

  /** Tells hosts apart; 16 hex digits. */
  hostId: "host_id",
  /** Process id. */
  pid: "pid",
  /** Who a thread span stands for, as in its name. */
  threadLabel: "thread_label",
  /** The worker that a thread span stands for; "router" for the router. */
  threadWorkerId: "worker.id",
  /** Data-parallel rank; always 0. */
  dpRank: "dp_rank",

  /** Which try of a leg this is, from 1. */
  attempt: "baton.attempt",
  /** Tokens that the answer has from earlier attempts, on the way of one that goes on with it. */
  answeredTokens: "baton.answered_tokens",
  /** How often the answers of the request moved to other workers; absent for never. */
  migrations: "baton.migrations",
  /** Pause before a leg is tried again, in seconds. */
  retryDelay: "baton.retry.delay",
  /** The worker that a leg goes to, or that a span was made in. */
  workerId: "baton.worker.id",
  /** The worker at the other end of the KV connection. */
  peerWorkerId: "baton.peer.worker.id",
  /** Its address, `host:port`. */
  peerAddress: "network.peer.address",
  /** What a request would cost on a worker, in KV blocks. */
  routingCost: "baton.routing.cost",
  /** Workers that could have been chosen. */
  routingCandidates: "baton.routing.candidates",
  /** Blocks of the prompt that a worker already holds. */
  overlapBlocks: "baton.routing.overlap_blocks",
  /** Blocks of prompts that the router has sent to a worker and that are not yet computed. */
  activePrefillBlocks: "baton.routing.active_prefill_blocks",
  /** Blocks of sequences that the router has sent to a worker and that have not ended. */
  activeDecodeBlocks: "baton.routing.active_decode_blocks",
  /** Blocks of the prompt; only with the module `routing`. */
  promptBlocks: "baton.routing.prompt_blocks",
  /** All blocks that a worker is known to hold; only with the module `routing`. */
  cacheBlocks: "baton.routing.cache_blocks",
  /** Where the prompt is computed: `remote`, on a prefill worker, or `local`, on the decode worker itself. */
  disaggregationVerdict: "baton.disaggregation.verdict",
  /** Why: `mode`, `long_prompt`, `short_prompt`, `prefill_overloaded` or `decode_busy`. */
  disaggregationReason: "baton.disaggregation.reason",
  /** Prompt tokens that the decode worker would have to compute. */
  uncachedTokens: "baton.disaggregation.uncached_tokens",
  /** Their share of the prompt, 0 to 1. */
  uncachedShare: "baton.disaggregation.uncached_share",
  /** Prompt tokens before this request's on the chosen prefill worker. */
  prefillQueueTokens: "baton.disaggregation.prefill_queue_tokens",
  /** Prompt tokens before this request's on the chosen decode worker. */
  localQueueTokens: "baton.disaggregation.local_queue_tokens",
  /** The set of workers after a change: id, start of the epoch, state. */
  workers: "baton.workers",
  /** What is in the set that was not. */
  workersAdded: "baton.workers.added",
  /** What was in the set that is not. */
  workersLeft: "baton.workers.left",
  /** Bytes of KV sent or received. */
  kvBytes: "baton.kv.bytes",
  /** DATA frames sent or received. */
  kvFrames: "baton.kv.frames",
  /** Tokens whose KV was sent or received. */
  kvTokens: "baton.kv.tokens",
  /** Position of a chunk's first token in the sequence, from 0. */
  tokenStart: "baton.token.start",
  /** Tokens in a chunk. */
  tokenCount: "baton.token.count",
  /** Index of a token in its answer, from 0. */
  tokenIndex: "baton.token.index",
  /** The request's priority, where it has one; lower is served earlier. */
  priority: "baton.priority",
  /** Requests that wait for a place. */
  queueLength: "baton.queue.length",
  /** Number of a decode step within its answer, from 1. */
  decodeStep: "decode_ct",
  /** Sequences in a step's batch. */
  batchSize: "baton.batch.size",
  /** Sequences that a step decodes. */
  batchDecodes: "baton.batch.decodes",
  /** Prompt tokens that a step computes. */
  prefillTokens: "baton.batch.prefill_tokens",
  /** Number of a step of the engine. */
  stepId: "baton.step.id",
  /** Mean speed of a transfer, in MB (10^6 bytes) per second. */
  kvMegabytesPerSecond: "baton.kv.mb_per_s",
  /** Name of a frame of the KV protocol. */
  frameType: "baton.kv.frame",
  /** `sent` or `received`. */
  direction: "baton.kv.direction",

  /** The request's id, as in the root's name. */
  requestId: "gen_ai.request.id",
  /** Limit on generated tokens. */
  maxTokens: "gen_ai.request.max_tokens",
  /** Sampling temperature. */
  temperature: "gen_ai.request.temperature",
  /** Nucleus sampling. */
  topP: "gen_ai.request.top_p",
  /** `chat` or `text_completion`. */
  operationName: "gen_ai.operation.name",
  /** `baton`. */
  providerName: "gen_ai.provider.name",
  /** Size of the set of most likely tokens that are kept; 0 keeps all. */
  topK: "gen_ai.request.top_k",
  /** Penalty on tokens by how often the answer has them. */
  frequencyPenalty: "gen_ai.request.frequency_penalty",
  /** Penalty on tokens that the answer has. */
  presencePenalty: "gen_ai.request.presence_penalty",
  /** Texts that end the answer. */
  stopSequences: "gen_ai.request.stop_sequences",
  /** Seed of the random choices. */
  seed: "gen_ai.request.seed",
  /** Answers asked for. */
  choices: "gen_ai.request.n",
  /** True where the answer is streamed. */
  stream: "gen_ai.request.stream",
  /** The model asked for. */
  requestModel: "gen_ai.request.model",
  /** The answer's id in the API. */
  responseId: "gen_ai.response.id",
  /** The client's name for its user. */
  userId: "user.id",
  /** The model that answered. */
  responseModel: "gen_ai.response.model",
  /** Why each choice ended; a list. */
  finishReasons: "gen_ai.response.finish_reasons",
  /** Why this sequence ended. */
  finishReason: "baton.finish_reason",
  /** Tokens of the prompt. */
  promptTokens: "gen_ai.usage.prompt_tokens",
  /** Tokens of the answer. */
  completionTokens: "gen_ai.usage.completion_tokens",
  /** Tokens of the prompt that were in the cache. */
  cachedTokens: "gen_ai.usage.cached_tokens",
  /** Seconds in queues. */
  timeInQueue: "gen_ai.latency.time_in_queue",
  /** Seconds to the first token. */
  timeToFirstToken: "gen_ai.latency.time_to_first_token",
  /** Seconds from the first byte in to the last byte out. */
  timeEndToEnd: "gen_ai.latency.e2e",
  /** Seconds of prefill. */
  timeInPrefill: "gen_ai.latency.time_in_model_prefill",
  /** Seconds of decode. */
  timeInDecode: "gen_ai.latency.time_in_model_decode",

  /** Prompt as the client sent it; only with `--trace-content`. */
  inputMessages: "gen_ai.input.messages",
  /** Answers as the client got them; only with `--trace-content`. */
  outputMessages: "gen_ai.output.messages",

  /** Path of the HTTP request, without its query. */
  urlPath: "url.path",
  /** `http` or `https`. */
  urlScheme: "url.scheme",
  /** Address at which a request or a call arrives. */
  serverAddress: "server.address",
  /** Port at which a request or a call arrives. */
  serverPort: "server.port",
  /** Where the HTTP request came from. */
  clientAddress: "client.address",
  /** What the client says it is. */
  userAgent: "user_agent.original",
  /** Version of HTTP. */
  protocolVersion: "network.protocol.version",
  /** Method of the HTTP request. */
  httpMethod: "http.request.method",
  /** Route of the HTTP request. */
  httpRoute: "http.route",
  /** Status of the HTTP answer. */
  httpStatus: "http.response.status_code",
  /** `grpc`. */
  rpcSystem: "rpc.system.name",
  /** Full name of the gRPC method, `package.Service/Method`. */
  rpcMethod: "rpc.method",
  /** Status of a gRPC call by its name, such as "OK". */
  grpcStatus: "rpc.status_code",
} as const;

/** Values of `ATTR.link`. */
export const LINK = {
  /** To the request's previous first-level slice. */
  previous: "previous",
  /** From a KV chunk that was received to the one that was sent; from a hand-over to its other end. */
  handover: "handover",
  /** From a step of the engine to a request that it served. */
  served: "served",
} as const;
