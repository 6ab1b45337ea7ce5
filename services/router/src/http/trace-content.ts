/** What was asked and answered, on the root of the request's trace. Only where a setting asks for it: it is the client's. */
import { ATTR, type TraceNode } from "@baton/tracing";
import type { AnswerEvent } from "../pipeline/choices.ts";
import type { Prompt } from "../pipeline/completion-call.ts";

/** Puts the prompt on the trace, as OpenTelemetry's conventions write messages. */
export function recordPrompt(trace: TraceNode, prompt: Prompt): void {
  const messages = prompt.kind === "chat" ? prompt.messages : [{ role: "user", content: prompt.text }];
  trace.setAttributes({
    [ATTR.inputMessages]: JSON.stringify(messages.map(({ role, content }) => message(role, content))),
  });
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
