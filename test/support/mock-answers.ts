/** What mock workers must answer, as a client that knows their function computes it. */
import { MockTokens } from "@baton/engine";
import { readModelFiles } from "@baton/model";
import { createDetokenizer, loadTokenizer, type Tokenizer } from "@baton/tokenizer";

/** The answers of mocks of one model. */
export class MockAnswers {
  readonly tokenizer: Tokenizer;
  readonly #tokens: MockTokens;

  private constructor(tokenizer: Tokenizer, tokens: MockTokens) {
    this.tokenizer = tokenizer;
    this.#tokens = tokens;
  }

  /** For workers that serve the model in `folder`, with `--mock-seed` as given. */
  static async of(folder: string, seed = 0): Promise<MockAnswers> {
    const { config, generation, tokenizer } = await readModelFiles(folder);
    const stopTokenIds = generation.eosTokenIds;
    const tokens = new MockTokens({ vocabSize: config.vocabSize, stopTokenIds, seed });
    return new MockAnswers(loadTokenizer(tokenizer), tokens);
  }

  /** The text of a completion of `maxTokens` tokens; a character that is incomplete at its end is left out. */
  completion(prompt: string | readonly number[], maxTokens: number): string {
    const ids = typeof prompt === "string" ? this.tokenizer.encode(prompt) : prompt;
    return createDetokenizer(this.tokenizer).push(this.#tokens.answer(ids, maxTokens));
  }

  /** The text of an answer of `maxTokens` tokens to one message of a user. */
  chat(content: string, maxTokens: number): string {
    const prompt = this.tokenizer.applyChatTemplate([{ role: "user", content }]);
    const ids = this.tokenizer.encode(prompt, { addSpecialTokens: false });
    return this.completion(ids, maxTokens);
  }
}
