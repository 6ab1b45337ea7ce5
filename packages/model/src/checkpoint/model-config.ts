/** The shape and the constants of a model under our own names, whatever its config.json calls them. */

/** Shape and constants of a decoder-only transformer. Architectures differ in the fields from `ropeScaling` on. */
export interface ModelConfig {
  /** First entry of `architectures` in config.json. */
  readonly architecture: string;
  /** Rows of the embedding table and of the logits; may exceed what the tokenizer uses. */
  readonly vocabSize: number;
  /** Width of the residual stream. */
  readonly hiddenSize: number;
  /** Width inside the MLP. */
  readonly intermediateSize: number;
  readonly layers: number;
  /** Query heads; a multiple of `kvHeads`. */
  readonly heads: number;
  readonly kvHeads: number;
  /** Elements per head; a multiple of 16. */
  readonly headDim: number;
  /** Longest prompt plus answer, in tokens. */
  readonly maxPositions: number;
  /** Added to the mean square inside RMS normalisation. */
  readonly normEpsilon: number;
  /** Base of the rotary embedding's frequencies; without meaning where the tables are stored. */
  readonly ropeTheta: number;
  /** True when the output projection is the embedding table. */
  readonly tiedEmbeddings: boolean;
  /** Tokens that end an answer, unless generation_config.json says otherwise. */
  readonly eosTokenIds: readonly number[];
  /** How the rotary frequencies are stretched for long contexts; undefined where they are not. */
  readonly ropeScaling: RopeScaling | undefined;
  /** True when the weights have the rotary tables themselves, as in an ONNX export without a config.json. */
  readonly storedRotary: boolean;
  /** Tokens that a token attends to, itself included; undefined for all before it. */
  readonly slidingWindow: number | undefined;
  /** True when the query, key and value projections have biases. */
  readonly qkvBias: boolean;
  /** True when each head of queries and keys is RMS-normalised before it is rotated. */
  readonly qkNorm: boolean;
}

/** Llama 3's stretching: long wavelengths by `factor`, short ones not at all, those between by a mixture. */
export interface RopeScaling {
  readonly factor: number;
  readonly lowFreqFactor: number;
  readonly highFreqFactor: number;
  /** Context length of the original training, in tokens. */
  readonly originalMaxPositions: number;
}
