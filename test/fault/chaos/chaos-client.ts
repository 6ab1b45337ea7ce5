/** One client of the chaos run: what it sends, and whether what comes back is right. */
import { BABBLE_MODEL } from "@baton/model/testing";
import type { MockAnswers } from "../../support/mock-answers.ts";

/** How a request ended, as its client can tell. `wrong` is what must not happen. */
export type Verdict =
  | { readonly kind: "success" }
  | { readonly kind: "error"; readonly code: string; readonly afterText: boolean }
  | { readonly kind: "left" }
  | { readonly kind: "wrong"; readonly what: string };

export interface Played {
  readonly verdict: Verdict;
  readonly ms: number;
}

/** A request as it is sent, and what comes back if all goes well. */
interface Plan {
  readonly body: Readonly<Record<string, unknown>>;
  readonly stream: boolean;
  readonly text: string;
  readonly reason: "stop" | "length";
  /** The client leaves after so many ms. */
  readonly leaveAfterMs: number | undefined;
}

interface ClientParts {
  readonly url: string;
  readonly answers: MockAnswers;
  readonly random: () => number;
  /** A request must have ended by then, ms; the router's time limit and some time to say so. */
  readonly limitMs: number;
  /** The run ends early, and the client leaves. */
  readonly signal?: AbortSignal | undefined;
}

/** What a fault may be called when a client hears of it. `internal` is not among them. */
const CLEAR_ERRORS = new Set([
  "worker_lost",
  "kv_transfer_failed",
  "unavailable",
  "overloaded",
  "deadline_exceeded",
]);

const LETTERS = "abcdefghijklmnopqrstuvwxyz ";

/** Sends what chance decides and judges what comes back. */
export async function play({ url, answers, random, limitMs, signal }: ClientParts): Promise<Played> {
  const plan = planRequest(answers, random);
  const startedAt = performance.now();
  const controller = new AbortController();
  const leave =
    plan.leaveAfterMs === undefined
      ? undefined
      : setTimeout(() => controller.abort("left"), plan.leaveAfterMs);
  const giveUp = setTimeout(() => controller.abort("hung"), limitMs);
  const onEnd = () => controller.abort("left");
  signal?.addEventListener("abort", onEnd);
  const verdict = await ask(url, plan, controller.signal).catch((reason: unknown): Verdict => {
    if (controller.signal.reason === "left") return { kind: "left" };
    if (controller.signal.aborted) return wrong(`no end within ${limitMs} ms`, plan);
    return wrong(`the connection broke: ${String(reason)}`, plan);
  });
  clearTimeout(leave);
  clearTimeout(giveUp);
  signal?.removeEventListener("abort", onEnd);
  return { verdict, ms: performance.now() - startedAt };
}

function planRequest(answers: MockAnswers, random: () => number): Plan {
  const prompt = promptOf(random);
  const maxTokens = random() < 0.05 ? 400 + Math.floor(random() * 400) : 1 + Math.floor(random() * 48);
  const stream = random() < 0.7;
  const whole = answers.completion(prompt, maxTokens);
  const stop = random() < 0.1 ? stopOf(whole, random) : undefined;
  const text = stop === undefined ? whole : whole.slice(0, whole.indexOf(stop));
  const body = { model: BABBLE_MODEL, prompt, max_tokens: maxTokens, stream, ...(stop && { stop }) };
  const leaveAfterMs = random() < 0.08 ? random() * 300 : undefined;
  return { body, stream, text, reason: stop === undefined ? "length" : "stop", leaveAfterMs };
}

/** One of a few long beginnings, or none, and something of its own. */
function promptOf(random: () => number): string {
  const topic = Math.floor(random() * 12);
  const beginning = topic < 8 ? `topic ${topic}: `.repeat(10 * (1 + topic)) : "";
  const letters = Array.from(
    { length: 4 + Math.floor(random() ** 3 * 1500) },
    () => LETTERS[Math.floor(random() * 27)],
  );
  return beginning + letters.join("");
}

/** Two characters that are in the answer and can be told apart from broken ones. */
function stopOf(text: string, random: () => number): string | undefined {
  const at = Math.floor(random() * (text.length - 1));
  const stop = text.slice(at, at + 2);
  return /^[ -~]{2}$/.test(stop) ? stop : undefined;
}

async function ask(url: string, plan: Plan, signal: AbortSignal): Promise<Verdict> {
  const response = await fetch(`${url}/v1/completions`, {
    method: "POST",
    // A connection each: what the router has open at the end is then not the client's.
    headers: { "content-type": "application/json", connection: "close" },
    body: JSON.stringify(plan.body),
    signal,
  });
  const body = await response.text();
  if (response.status !== 200) return errorVerdict(body, "", plan);
  return plan.stream ? judgeStream(body, plan) : judgeWhole(body, plan);
}

function judgeWhole(body: string, plan: Plan): Verdict {
  const [choice] = JSON.parse(body).choices;
  return judgeEnd(choice.text, choice.finish_reason, plan);
}

function judgeStream(body: string, plan: Plan): Verdict {
  const events = body
    .split("\n\n")
    .filter((event) => event !== "")
    .map((event) => event.replace(/^data: /, ""));
  let text = "";
  let reason: string | null = null;
  for (const event of events) {
    if (event === "[DONE]") return judgeEnd(text, reason, plan);
    const data = JSON.parse(event);
    if (data.error) return errorVerdict(event, text, plan);
    text += data.choices[0]?.text ?? "";
    reason = data.choices[0]?.finish_reason ?? reason;
  }
  return wrong(`the stream ended without [DONE] or an error after ${events.length} events`, plan);
}

function judgeEnd(text: string, reason: string | null, plan: Plan): Verdict {
  if (text !== plan.text) return wrong(`the text is ${JSON.stringify(text)}`, plan);
  return reason === plan.reason ? { kind: "success" } : wrong(`the reason is ${reason}`, plan);
}

/** Text that came before an error must be the beginning of the right one. */
function errorVerdict(body: string, text: string, plan: Plan): Verdict {
  const { code, message } = JSON.parse(body).error;
  if (!CLEAR_ERRORS.has(code)) return wrong(`the error is ${code}: ${message}`, plan);
  if (!plan.text.startsWith(text)) return wrong(`before ${code} the text is ${JSON.stringify(text)}`, plan);
  return { kind: "error", code, afterText: text !== "" };
}

function wrong(what: string, { body, text, reason }: Plan): Verdict {
  const asked = JSON.stringify({ ...body, prompt: `${String(body.prompt).length} characters` });
  return { kind: "wrong", what: `${what}; expected ${JSON.stringify(text)} (${reason}) for ${asked}` };
}
