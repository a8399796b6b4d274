import type { Chance } from './chance.js'
import type { Files } from './files.js'

/** A kind of input that molm reads, with the properties that must hold for any content. */
export interface Format {
  name: string
  /** Number of inputs in a round. A round of all formats takes about a minute on two cores. */
  inputs: number
  /** Timeout for one input in seconds. Default 2. */
  seconds?: number
  /** Prepares what all inputs share, in the given folder. Called once per process. */
  prepare(dir: string): Promise<Reader> | Reader
}

/** A format that is ready to read inputs. */
export interface Reader {
  /** A valid input, as molm or another program writes it. It must be accepted. */
  sound(chance: Chance): Files
  /** A damaged copy. Each change is recorded with `chance.note`. */
  harm(files: Files, chance: Chance): Files
  /**
   * Reads the input as molm does. Throws a UserError if molm refuses it, and `Wrong` if molm accepts it with a result
   * that cannot be right. `input.isSound` guards the checks that hold for valid inputs only.
   */
  read(input: Input): Promise<void> | void
  /** Whether the files are also written to `input.dir`. Default: they are in memory only. */
  onDisk?: boolean
  /** Folders that `read` may write to, given the input's folder. Default: none. */
  mayWrite?(dir: string): readonly string[]
  /** Stops what `prepare` has started. */
  close?(): Promise<void>
}

export interface Input {
  files: Files
  /** Folder that holds the files if the reader is `onDisk`. */
  dir: string
  isSound: boolean
}

/** Thrown if molm accepts an input but misreads it. */
export class Wrong extends Error {}

/** Throws `Wrong` with the message `otherwise` unless the condition holds. */
export function expect(holds: boolean, otherwise: string): asserts holds {
  if (!holds) throw new Wrong(otherwise)
}
