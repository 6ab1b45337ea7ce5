/**
 * What is traced, besides how much of it: switched by `--trace-modules`.
 *
 * - `request`: requests; without it only the traces of the other modules are made.
 * - `engine`: each step of a worker's batch, a trace of its own that links to the requests it served.
 * - `kv_transfer`: KV connections and their frames, inside each request.
 * - `routing`: what each candidate's cost is made of, and every change of the set of workers.
 */
export type TraceModule = "request" | "engine" | "kv_transfer" | "routing";
