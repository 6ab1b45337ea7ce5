/** What a span takes in memory, roughly: enough to keep many of them within a limit. */
import type { ExportedSpan } from "@baton/tracing";

/** Of an object, and of a field or an element, in bytes. */
const OBJECT = 64;
const FIELD = 16;

/** Bytes. What several spans share, such as their process's attributes, is counted with each. */
export function sizeOf(span: ExportedSpan): number {
  return weigh(span);
}

function weigh(value: unknown): number {
  if (typeof value === "string") return FIELD + value.length;
  if (typeof value !== "object" || value === null) return FIELD;
  let bytes = OBJECT;
  for (const field of Object.values(value)) bytes += FIELD + weigh(field);
  return bytes;
}
