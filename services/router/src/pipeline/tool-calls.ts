/** From text to calls of tools, for answers that may have them. */
import { type CallEvent, ToolCallParser, type ToolFormat } from "@baton/grammar";
import { randomBytes } from "../random-bytes.ts";
import type { TextEvent, ToolCallPiece } from "./respond.ts";

type Text = Extract<TextEvent, { type: "text" }>;

/** Passes the events on, with the calls taken out of the text. Tokens stay with the events that they came with. */
export async function* withToolCalls(
  events: AsyncIterable<TextEvent>,
  format: ToolFormat,
): AsyncGenerator<TextEvent, void, void> {
  const parser = new ToolCallParser(format);
  for await (const event of events) {
    if (event.type === "text") yield* pieces(parser.push(event.text), event, format);
    else {
      yield* pieces(parser.flush(), { type: "text", text: "", tokens: [], tokenIds: [] }, format);
      yield event;
    }
  }
}

/** One event for each stretch of text with the calls that follow it; the first one has the tokens. */
function* pieces(found: readonly CallEvent[], event: Text, format: ToolFormat): Generator<Text> {
  let next: Text = { ...event, text: "" };
  for (const part of found) {
    if (part.type === "text") {
      if (next.calls) {
        yield next;
        next = { type: "text", text: "", tokens: [], tokenIds: [] };
      }
      next = { ...next, text: next.text + part.text };
    } else {
      next = { ...next, calls: [...(next.calls ?? []), pieceOf(part, format)] };
    }
  }
  if (next.text !== "" || next.calls || next.tokens.length > 0) yield next;
}

function pieceOf(part: Exclude<CallEvent, { type: "text" }>, format: ToolFormat): ToolCallPiece {
  if (part.type === "arguments") return { index: part.call, arguments: part.text };
  return { index: part.call, id: callId(format), name: part.name, arguments: "" };
}

/** Mistral's templates want nine letters and digits, and nothing else. */
function callId(format: ToolFormat): string {
  return format === "mistral"
    ? randomBytes(5).toString("hex").slice(0, 9)
    : `call_${randomBytes(12).toString("hex")}`;
}
