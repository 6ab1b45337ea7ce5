/** What a process holds in memory, as Linux counts it. */
import { readFileSync } from "node:fs";

/** Bytes resident now, and at most so far. */
export function residentBytes(pid: number): { readonly now: number; readonly peak: number } {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const kibibytes = (field: string) => Number(new RegExp(`^${field}:\\s+(\\d+) kB`, "m").exec(status)![1]);
  return { now: kibibytes("VmRSS") * 1024, peak: kibibytes("VmHWM") * 1024 };
}
