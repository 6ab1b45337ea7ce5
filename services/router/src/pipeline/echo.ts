/** Answers that begin with their prompt, as OpenAI's legacy endpoint gives them on demand. */
import { assertNever, BatonError } from "@baton/core";
import type { Tokenizer } from "@baton/tokenizer";
import type { Prompt } from "./completion-call.ts";
import type { TextEvent } from "./respond.ts";

/** The answer's events behind the text of its prompt, which comes with the first of them: errors before it stay early. */
export async function* echoed(
  prompt: Prompt,
  events: AsyncIterable<TextEvent>,
  tokenizer: Pick<Tokenizer, "decode">,
): AsyncGenerator<TextEvent, void, void> {
  let begun = false;
  for await (const event of events) {
    if (!begun) yield { type: "text", text: textOf(prompt, tokenizer), tokens: [], tokenIds: [] };
    begun = true;
    yield event;
  }
}

function textOf(prompt: Prompt, tokenizer: Pick<Tokenizer, "decode">): string {
  switch (prompt.kind) {
    case "text":
      return prompt.text;
    case "tokens":
      return tokenizer.decode(prompt.tokenIds, { skipSpecial: false });
    case "chat":
      throw new BatonError("internal", "Cannot echo a conversation: expected a text or tokens");
    default:
      return assertNever(prompt);
  }
}
