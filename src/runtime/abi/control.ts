/*
 * What the host and the kernels agree on: every code, address, size and argument that both sides use stands in this
 * folder. Both compilers read these very files: TypeScript for the host, AssemblyScript for the kernels (assembly/),
 * where enums and constants are 32-bit integers that fold into the instructions. So they may hold nothing but `export
 * enum` and `export const` of whole numbers.
 *
 * Here: the jobs, and the memory in which the threads speak of them.
 */

/** Kinds of jobs that the threads share out among themselves. */
export enum Job {
  /** Helpers answer it by returning to their host, which ends them or lets them go on in another memory. */
  leave,
  matmul,
  norm,
  attention,
  embedding,
  pack,
  bandwidth,
  summary,
  heads,
  softmaxAttention,
  transposedMatmul,
  outerProducts,
  gateBackward,
  normBackward,
  stickTraining,
  crossEntropy,
  adamw,
  /** Computes nothing; publishing it only moves the epoch on. */
  nothing,
}

/**
 * Addresses below the arena. The words of the control block are what the threads of one memory say to each other. Each
 * hot word has a cache line of its own: a line shared between a word that is spun on and a word that is written would
 * travel between the cores at every write.
 */
export enum Address {
  /** Number of the job at hand; helpers wait for it to change. */
  epoch = 1024,
  /** i64: epoch << 32 | next chunk. One word, so that a late helper can never claim a chunk of a job it has not read. */
  claim = 1088,
  /** Chunks of the job that are finished. */
  done = 1152,
  /** Helpers asleep on the epoch. */
  sleepers = 1216,
  /** 1 while the leader sleeps on `done`. */
  leaderSleeps = 1280,
  /** Helpers that take part; 0 makes every job run on the leader alone. */
  helpers = 1344,
  /** Rounds of spinning before a thread goes to sleep. */
  spin = 1348,
  /** Where helpers go after the job `leave`; only hosts read and write it. */
  destination = 1352,
  /** Job at hand. */
  kind = 1408,
  /** Chunks that it has. */
  chunks = 1412,
  /** Its arguments: ARGUMENTS words. */
  args = 1472,
  /** SCRATCH_BYTES for each of MAX_THREADS threads. */
  scratch = 4096,
  /** First address that may be given out: the first page of WebAssembly behind the last scratch. */
  arena = 327680,
}

export const ARGUMENTS = 32
export const SCRATCH_BYTES = 4096
export const MAX_THREADS = 64
