/*
 * What the host calls. The leader stores a job's arguments in the control block and calls `run`; helpers spend their
 * life in `help`. `publish` alone sends the helpers home (kind 0) without taking part.
 */
import { setScratch } from './pack'

export { help, publish, run } from './parallel'

/** Tells this instance which thread it runs on (0 is the leader), before it takes part in anything. */
export function enter(thread: i32): void {
  setScratch(thread)
}
