/** Which processor a process may use. */
import { execFileSync } from "node:child_process";
import { cpus } from "node:os";

/** Keeps all threads of the processes to one processor. @throws Error where taskset is missing. */
export function pin(pids: readonly number[], processor: number): void {
  for (const pid of pids) execFileSync("taskset", ["-acp", `${processor}`, `${pid}`], { stdio: "ignore" });
}

/** Keeps the thread that runs JavaScript to one processor; those that help it to compile and collect go where there is room. */
export function pinMainThread(pid: number, processor: number): void {
  execFileSync("taskset", ["-cp", `${processor}`, `${pid}`], { stdio: "ignore" });
}

/** Whether the router can have a processor of its own. */
export function canPin(): boolean {
  try {
    execFileSync("taskset", ["--version"], { stdio: "ignore" });
    return cpus().length > 1;
  } catch {
    return false;
  }
}
