/**
 * Keeps requests away from a worker that keeps failing them, and lets one through now and then to see.
 *
 *   C1  Only failures that are the worker's fault count, and a success in between makes up for all before it.
 *   C2  An open circuit becomes half-open when its time is up; then one call at a time is let through to try.
 *   C3  A failed trial opens the circuit for twice as long, up to a limit; enough good ones close it.
 *   C4  A call that ends without a verdict (canceled, the client's fault) gives its trial back and changes nothing else.
 */
import type { ErrorCode, WorkerRecord } from "@baton/core";

/** When circuits open and close; `DEFAULT_CIRCUIT_LIMITS` has the defaults. */
export interface CircuitLimits {
  /** Failures without a success between them that open a circuit. */
  readonly failures: number;
  /** Good trials that close it. */
  readonly successes: number;
  /** A failure longer ago than this no longer counts, in ms. */
  readonly windowMs: number;
  /** How long a circuit stays open the first time, and at most, in ms. */
  readonly openMs: number;
  readonly maxOpenMs: number;
}

export const DEFAULT_CIRCUIT_LIMITS: CircuitLimits = {
  failures: 5,
  successes: 2,
  windowMs: 60_000,
  openMs: 1000,
  maxOpenMs: 30_000,
};

/** A worker's circuit. `trying` is true while a trial is out; `openMs` is how long it was open last. */
export type Circuit =
  | { readonly kind: "closed"; readonly failures: number; readonly lastFailureAt: number }
  | { readonly kind: "open"; readonly until: number; readonly openMs: number }
  | {
      readonly kind: "half_open";
      readonly successes: number;
      readonly trying: boolean;
      readonly openMs: number;
    };

/** How a call to a worker ended, for its circuit. */
export type CallOutcome = "success" | "failure" | "no_verdict";

/** Is the error the worker's fault? A full worker is not broken, and a deadline says nothing of who was slow. */
const WORKER_FAULT: Readonly<Record<ErrorCode, boolean>> = {
  invalid_argument: false,
  unauthenticated: false,
  permission_denied: false,
  not_found: false,
  method_not_allowed: false,
  payload_too_large: false,
  overloaded: false,
  canceled: false,
  deadline_exceeded: false,
  unavailable: true,
  worker_lost: true,
  kv_transfer_failed: true,
  kv_mismatch: true,
  room_conflict: false,
  internal: true,
};

/** What an error says of the worker that it came from. */
export function outcomeOf(code: ErrorCode | undefined): CallOutcome {
  if (code === undefined) return "success";
  return WORKER_FAULT[code] ? "failure" : "no_verdict";
}

const CLOSED: Circuit = { kind: "closed", failures: 0, lastFailureAt: 0 };

/** The circuit at `now`: an open one whose time is up is half-open (C2). */
function circuitAt(circuit: Circuit, now: number): Circuit {
  if (circuit.kind !== "open" || now < circuit.until) return circuit;
  return { kind: "half_open", successes: 0, trying: false, openMs: circuit.openMs };
}

/** May a call be sent? */
export function letsThrough(circuit: Circuit): boolean {
  return circuit.kind === "closed" || (circuit.kind === "half_open" && !circuit.trying);
}

/** The circuit after a call that was sent while it was half-open (`trial`) or closed. */
function afterCall(
  circuit: Circuit,
  outcome: CallOutcome,
  call: { readonly trial: boolean; readonly now: number; readonly limits: CircuitLimits },
): Circuit {
  switch (circuit.kind) {
    case "open":
      return circuit;
    case "closed":
      return afterOrdinaryCall(circuit, outcome, call);
    case "half_open":
      // A call from before the circuit opened: only trials have a say now.
      return call.trial ? afterTrial(circuit, outcome, call) : circuit;
  }
}

function afterOrdinaryCall(
  circuit: Extract<Circuit, { kind: "closed" }>,
  outcome: CallOutcome,
  { now, limits }: { readonly now: number; readonly limits: CircuitLimits },
): Circuit {
  if (outcome === "no_verdict") return circuit;
  if (outcome === "success") return CLOSED;
  const recent = now - circuit.lastFailureAt <= limits.windowMs ? circuit.failures : 0;
  if (recent + 1 >= limits.failures) {
    return { kind: "open", until: now + limits.openMs, openMs: limits.openMs };
  }
  return { kind: "closed", failures: recent + 1, lastFailureAt: now };
}

function afterTrial(
  circuit: Extract<Circuit, { kind: "half_open" }>,
  outcome: CallOutcome,
  { now, limits }: { readonly now: number; readonly limits: CircuitLimits },
): Circuit {
  if (outcome === "no_verdict") return { ...circuit, trying: false };
  if (outcome === "failure") {
    const openMs = Math.min(circuit.openMs * 2, limits.maxOpenMs);
    return { kind: "open", until: now + openMs, openMs };
  }
  const successes = circuit.successes + 1;
  return successes >= limits.successes ? CLOSED : { ...circuit, successes, trying: false };
}

/** A call that was sent to a worker; its holder says once how it ended. */
export interface WatchedCall {
  /** @param code the error that the call ended with; absent for a success */
  ended(code: ErrorCode | undefined, now: number): void;
}

/** The circuits of all workers, by worker and epoch. */
export class CircuitBreakers {
  readonly #limits: CircuitLimits;
  readonly #circuits = new Map<string, Circuit>();

  constructor(limits: CircuitLimits = DEFAULT_CIRCUIT_LIMITS) {
    this.#limits = limits;
  }

  /** The worker's circuit at `now` (epoch ms). */
  of(worker: Pick<WorkerRecord, "id" | "epoch">, now: number): Circuit {
    return circuitAt(this.#circuits.get(keyOf(worker)) ?? CLOSED, now);
  }

  /** Notes that a call is sent; on a half-open circuit it is the trial. Never refuses: routing has decided already. */
  began(worker: Pick<WorkerRecord, "id" | "epoch">, now: number): WatchedCall {
    const key = keyOf(worker);
    const circuit = this.of(worker, now);
    const trial = circuit.kind === "half_open" && !circuit.trying;
    if (trial) this.#circuits.set(key, { ...circuit, trying: true });
    let open = true;
    return {
      ended: (code, at) => {
        if (!open) return;
        open = false;
        const after = afterCall(this.of(worker, at), outcomeOf(code), {
          trial,
          now: at,
          limits: this.#limits,
        });
        if (after === CLOSED) this.#circuits.delete(key);
        else this.#circuits.set(key, after);
      },
    };
  }

  /** Forgets all workers but these. */
  retain(workers: readonly Pick<WorkerRecord, "id" | "epoch">[]): void {
    const keys = new Set(workers.map(keyOf));
    for (const key of this.#circuits.keys()) if (!keys.has(key)) this.#circuits.delete(key);
  }
}

function keyOf({ id, epoch }: Pick<WorkerRecord, "id" | "epoch">): string {
  return `${id}/${epoch}`;
}
