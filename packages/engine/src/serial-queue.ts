/**
 * Runs tasks in order and never re-entrantly: a task added while another runs waits for its turn. Tasks run after the
 * code that adds them, in a microtask.
 */
export class SerialQueue {
  readonly #tasks: (() => void)[] = [];
  #scheduled = false;

  push(task: () => void): void {
    this.#tasks.push(task);
    if (this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(() => this.drain());
  }

  /** Runs what is there, now. Not to be called from a task. */
  drain(): void {
    this.#scheduled = true;
    for (let task = this.#tasks.shift(); task; task = this.#tasks.shift()) runApart(task);
    this.#scheduled = false;
  }
}

/** A task that throws must show as an uncaught exception, and must not cost the others their turn. */
function runApart(task: () => void): void {
  try {
    task();
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
