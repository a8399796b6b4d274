/** Work for a child process. */
export interface Job {
  /** Module with the table of formats. */
  table: string
  format: string
  seed: number
  /** Cases from `from` up to but excluding `to`. */
  from: number
  to: number
  /** An empty folder for the child alone. */
  dir: string
  /** Folder that keeps the input, written before it is read. The notes are in a `.txt` file next to it. */
  keep?: string
}

/** Message from a child process. */
export type FromChild =
  | { kind: 'fault'; case: number; fault: string }
  /** It has read all cases before `next` and ends, since all are done or its memory has grown too much. */
  | { kind: 'end'; next: number }

/**
 * Size of the file `progress`: the cases accepted, refused and under way, as doubles. In a file they survive a crash.
 */
export const PROGRESS_BYTES = 24
