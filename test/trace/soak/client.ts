/** One client of the mixed run: what it sends, and how its request ended as far as it can tell. */
import { randomUUID } from "node:crypto";
import { BABBLE_MODEL } from "@baton/model/testing";

export interface Played {
  readonly id: string;
  readonly kind: string;
  /** Undefined where the client left: it cannot know. */
  readonly outcome: "success" | "error" | undefined;
  /** True where the cluster had no place for it (429). */
  readonly refused: boolean;
  /** Epoch ms. */
  readonly startedAt: number;
  readonly endedAt: number;
}

interface Plan {
  readonly kind: string;
  readonly body: Record<string, unknown> | string;
  /** The client leaves after so many ms. */
  readonly leaveAfterMs?: number;
}

/** Sends what chance decides and waits for its end. */
export async function play(url: string, random: () => number): Promise<Played> {
  const id = randomUUID();
  const { kind, body, leaveAfterMs } = plan(id, random);
  const startedAt = Date.now();
  const controller = new AbortController();
  const timer = leaveAfterMs === undefined ? undefined : setTimeout(() => controller.abort(), leaveAfterMs);
  let refused = false;
  const outcome = await fetch(`${url}/v1/completions`, {
    method: "POST",
    headers: { "content-type": "application/json", "x-request-id": id },
    body: typeof body === "string" ? body : JSON.stringify(body),
    signal: controller.signal,
  })
    .then(async (response) => {
      refused = response.status === 429;
      return outcomeOf(response.status, await response.text());
    })
    .catch((reason: unknown) => {
      if (controller.signal.aborted) return undefined;
      throw reason;
    });
  clearTimeout(timer);
  return { id, kind, outcome, refused, startedAt, endedAt: Date.now() };
}

function outcomeOf(status: number, text: string): "success" | "error" {
  const ended = text.includes("[DONE]") || text.startsWith("{");
  return status === 200 && ended && !text.includes('"error":{') ? "success" : "error";
}

function plan(id: string, random: () => number): Plan {
  const share = random();
  const prompt = `${id} `.repeat(1 + Math.floor(random() * 12));
  const good = {
    model: BABBLE_MODEL,
    prompt,
    max_tokens: 1 + Math.floor(random() * 12),
    stream: random() < 0.5,
  };
  if (share < 0.72) return { kind: "good", body: good };
  if (share < 0.77) return { kind: "several answers", body: { ...good, n: 2 } };
  if (share < 0.87) {
    const body = { ...good, prompt: prompt.repeat(4), max_tokens: 2000 };
    return { kind: "client leaves", body, leaveAfterMs: 30 + random() * 300 };
  }
  if (share < 0.98) return { kind: "bad request", body: badBody(good, random()) };
  return { kind: "beyond the deadline", body: { ...good, max_tokens: 7500, prompt: id } };
}

function badBody(good: Record<string, unknown>, which: number): Record<string, unknown> | string {
  if (which < 0.25) return { ...good, prompt: "a".repeat(20_000) };
  if (which < 0.5) return { ...good, temperature: 9 };
  if (which < 0.75) return { ...good, model: "gpt-7" };
  return '{"model": ';
}
