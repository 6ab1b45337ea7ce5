import type { SampledToken } from "@baton/core";
import type { SampleRequest } from "@baton/scheduler";
import { MaskReader } from "./grammar/mask-channel.ts";
import type { Sampler } from "./sampler.ts";
import { TokenHistory } from "./token-history.ts";

/** Chooses the tokens of one sequence: keeps what is sent once, its parameters, and what its own tokens add to them. */
export class SequenceSampler {
  readonly #request: SampleRequest;
  readonly #history: TokenHistory | undefined;
  readonly #mask: MaskReader | undefined;
  #outputIndex: number;

  constructor(request: SampleRequest) {
    this.#request = request;
    this.#outputIndex = request.outputIndex;
    this.#history = request.written && new TokenHistory(request.written);
    this.#mask = request.maskChannel && new MaskReader(request.maskChannel);
  }

  /** The next token of the answer. @throws BatonError as `Sampler.sample` does. */
  next(sampler: Sampler, logits: Float32Array): SampledToken {
    const { sampling } = this.#request;
    const token = sampler.sample(logits, {
      sampling,
      outputIndex: this.#outputIndex,
      history: this.#history,
      mask: this.#mask,
    });
    this.#mask?.choose(token.tokenId);
    this.#history?.add(token.tokenId);
    this.#outputIndex += 1;
    return token;
  }
}
