/** Milliseconds that a test waits for something that is sure to come, on the busiest machine, too. */
export const PATIENCE_MS = 60_000

/** Waits until `holds` returns true. Rejects after a minute with an error that names `what` is missing. */
export async function until(
  holds: () => boolean | Promise<boolean>,
  what: unknown = holds,
  everyMs = 10,
): Promise<void> {
  for (const end = performance.now() + PATIENCE_MS; !(await holds()); ) {
    if (performance.now() > end) throw new Error(`${what} did not come within ${PATIENCE_MS / 1000} s`)
    await new Promise((resolve) => setTimeout(resolve, everyMs))
  }
}

/** Like `until`, but looks in every turn of the event loop: no timer runs between the event and what the test does then. */
export async function untilTurn(holds: () => boolean, what: unknown = holds): Promise<void> {
  for (const end = performance.now() + PATIENCE_MS; !holds(); ) {
    if (performance.now() > end) throw new Error(`${what} did not come within ${PATIENCE_MS / 1000} s`)
    await new Promise((resolve) => setImmediate(resolve))
  }
}
