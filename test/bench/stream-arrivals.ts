/** A streamed completion as a client sees it: when each token is there. */

/** Ms from `startedAt` to each token of the stream that answers `body`. */
export async function completionArrivals(
  url: string,
  body: object,
  startedAt: number,
): Promise<readonly number[]> {
  const response = await fetch(`${url}/v1/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`Cannot complete: ${response.status} ${await response.text()}`);
  const arrivals: number[] = [];
  let rest = "";
  for await (const piece of response.body!.pipeThrough(new TextDecoderStream())) {
    const events = (rest + piece).split("\n\n");
    rest = events.pop()!;
    const at = performance.now() - startedAt;
    for (const event of events) if (/"finish_reason":\s*null/.test(event)) arrivals.push(at);
  }
  return arrivals;
}
