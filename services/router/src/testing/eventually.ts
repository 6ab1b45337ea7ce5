/** Waits for what happens soon: asks again with every turn of the event loop; jest's own limit ends a wait in vain. */
export async function eventually(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}
