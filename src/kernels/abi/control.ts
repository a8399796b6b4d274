/*
 * Contract between the host and the kernels. This folder holds every code, address, size and argument that both sides
 * use. Both compilers read these files: TypeScript for the host, AssemblyScript for the kernels (assembly/). There,
 * enums and constants are 32-bit integers that are folded into the instructions. So the files may hold only `export
 * enum` and `export const` of whole numbers.
 *
 * This file: the jobs, and the memory through which the threads coordinate them.
 */

/** Kinds of jobs that the threads share. */
export enum Job {
  /** Helpers return to their host, which ends them or lets them continue in another memory. */
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
  shortConvolution,
  gatedRows,
  recurrence,
  compressedHeads,
  decays,
  /** Computes nothing; publishing it only advances the epoch. */
  nothing,
}

/**
 * Addresses below the arena. The threads of one memory coordinate through the words of the control block. Each hot word
 * has its own cache line: if a word that is spun on shared its line with a word that is written, the line would
 * travel between the cores at every write.
 */
export enum Address {
  /** Number of the current job; helpers wait for it to change. */
  epoch = 1024,
  /** i64: epoch << 32 | next chunk. One word, so that a late helper cannot claim a chunk of a job it has not read. */
  claim = 1088,
  /** Finished chunks of the job. */
  done = 1152,
  /** Number of helpers that sleep until the epoch changes. */
  sleepers = 1216,
  /** 1 while the leader sleeps on `done`. */
  leaderSleeps = 1280,
  /** Number of helpers that take part; with 0 the leader runs every job alone. */
  helpers = 1344,
  /** Rounds of spinning before a thread goes to sleep. */
  spin = 1348,
  /** Destination of helpers after the job `leave`; only hosts read and write it. */
  destination = 1352,
  /** Current job. */
  kind = 1408,
  /** Number of its chunks. */
  chunks = 1412,
  /** Its arguments: ARGUMENTS words. */
  args = 1472,
  /** SCRATCH_BYTES for each of MAX_THREADS threads. */
  scratch = 4096,
  /** First address that may be given out: the first WebAssembly page after the last scratch. */
  arena = 327680,
}

export const ARGUMENTS = 32
export const SCRATCH_BYTES = 4096
export const MAX_THREADS = 64
