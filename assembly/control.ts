/*
 * Control block: what the threads of one memory say to each other.
 *
 * It lies at a fixed address so that every instance of the module (one a thread) finds it without static data.
 * Each hot word has a cache line of its own: a line shared between a word that is spun on and a word that is
 * written would travel between the cores at every write.
 */

/** Number of the job at hand; helpers wait for it to change. */
export const EPOCH: usize = 1024
/** i64: epoch << 32 | next chunk. One word, so that a late helper can never claim a chunk of a job it has not read. */
export const CLAIM: usize = 1088
/** Chunks of the job that are finished. */
export const DONE: usize = 1152
/** Helpers asleep on EPOCH. */
export const SLEEPERS: usize = 1216
/** 1 while the leader sleeps on DONE. */
export const LEADER_SLEEPS: usize = 1280
/** Helpers that take part; 0 makes every job run on the leader alone. */
export const HELPERS: usize = 1344
/** Rounds of spinning before a thread goes to sleep. */
export const SPIN: usize = 1348
/** Where helpers go after a job of kind LEAVE; only hosts read and write it. */
export const DESTINATION: usize = 1352
/** Kind of the job (see jobs.ts), and how many chunks it has. */
export const KIND: usize = 1408
export const CHUNKS: usize = 1412
/** Arguments of the job: 32 words, whose meaning the kernel's contract states. */
export const ARGS: usize = 1472
/** One scratch area of 4 KiB a thread, for 64 threads. */
export const SCRATCH: usize = 4096
export const SCRATCH_SIZE: usize = 4096

/** Number of the thread that this instance runs on; 0 is the leader. */
export let thread: u32 = 0

export function enter(number: u32): void {
  thread = number
}

/** Argument `i` of the job as an integer or address. */
export function arg(i: usize): u32 {
  return load<u32>(ARGS + (i << 2))
}

/** Argument `i` of the job as a float. */
export function argf(i: usize): f32 {
  return load<f32>(ARGS + (i << 2))
}
