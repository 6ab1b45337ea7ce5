/** What the doctor found out about one thing: a line, and where it is not well what to do. */
export type Finding =
  | { readonly status: "ok"; readonly topic: string; readonly text: string }
  | {
      /** `warn`: works, but not as it should. `fail`: does not work. */
      readonly status: "warn" | "fail";
      readonly topic: string;
      readonly text: string;
      readonly advice: string;
    };

export function ok(topic: string, text: string): Finding {
  return { status: "ok", topic, text };
}

export function warn(topic: string, text: string, advice: string): Finding {
  return { status: "warn", topic, text, advice };
}

export function fail(topic: string, text: string, advice: string): Finding {
  return { status: "fail", topic, text, advice };
}

export function formatFinding(finding: Finding): string {
  const line = `${finding.status.padEnd(6)}${finding.topic.padEnd(12)}${finding.text}`;
  return finding.status === "ok" ? line : `${line}\n${" ".repeat(18)}→ ${finding.advice}`;
}
