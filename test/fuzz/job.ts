/** What a child is to do. */
export interface Job {
  /** Module with the table of formats. */
  table: string
  format: string
  seed: number
  /** Cases `from` to `to`, excluded. */
  from: number
  to: number
  /** An empty folder of its own. */
  dir: string
  /** Folder to leave the input in before it is read; what was done to it comes beside it, in a file `.txt`. */
  keep?: string
  /** Folder with an input to be read in place of those cases. */
  replay?: string
}

/** What a child tells. */
export type FromChild =
  | { kind: 'fault'; case: number; fault: string }
  /** It has read all cases before `next`, and ends: all are done, or its memory is full of what is left of them. */
  | { kind: 'end'; next: number }

/** Cases accepted, refused and the one under way, as doubles in the file `progress`: told so, they outlive a crash. */
export const PROGRESS_BYTES = 24
