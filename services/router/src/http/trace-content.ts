/** What was asked and answered, on the root of the request's trace. Only where a setting asks for it: it is the client's. */
import { ATTR, type TraceNode } from "@baton/tracing";
import type { AnswerEvent } from "../pipeline/choices.ts";
import type { Prompt } from "../pipeline/completion-call.ts";

/** Puts the prompts on the trace, as OpenTelemetry's conventions write messages. */
export function recordPrompts(trace: TraceNode, prompts: readonly Prompt[]): void {
  const messages = prompts.flatMap(messagesOf);
  trace.setAttributes({
    [ATTR.inputMessages]: JSON.stringify(messages.map(({ role, content }) => message(role, content))),
  });
}

/** Token ids stay what they are: whoever sends them has the text. */
function messagesOf(prompt: Prompt) {
  switch (prompt.kind) {
    case "chat":
      return prompt.messages;
    case "text":
      return [{ role: "user", content: prompt.text }];
    case "tokens":
      return [{ role: "user", content: JSON.stringify(prompt.tokenIds) }];
  }
}

/** Passes the events on, and puts the answers on the trace once they are complete. */
export async function* recordAnswers(
  trace: TraceNode,
  events: AsyncIterable<AnswerEvent>,
): AsyncGenerator<AnswerEvent, void, void> {
  const texts: string[] = [];
  for await (const event of events) {
    if (event.type === "text") texts[event.choice] = (texts[event.choice] ?? "") + event.text;
    if (event.type === "usage") {
      const answers = Array.from(texts, (text) => message("assistant", text ?? ""));
      trace.setAttributes({ [ATTR.outputMessages]: JSON.stringify(answers) });
    }
    yield event;
  }
}

function message(role: string, content: string) {
  return { role, parts: [{ type: "text", content }] };
}
