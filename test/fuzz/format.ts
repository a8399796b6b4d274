import type { Chance } from './chance.js'
import type { Files } from './files.js'

/** A kind of input that molm reads, and what must hold whatever stands in it. */
export interface Format {
  name: string
  /** Inputs of one round. All formats together take about a minute on two cores. */
  inputs: number
  /** Longest time until an answer; 2 s where nothing is said. */
  seconds?: number
  /** Makes ready what all inputs need, in a folder of its own. Called once per process. */
  prepare(dir: string): Promise<Reader> | Reader
}

/** A format with all at hand. */
export interface Reader {
  /** An input as molm or another program writes it: it must be accepted. */
  sound(chance: Chance): Files
  /** The same with something wrong, which is noted with `chance.note`. */
  harm(files: Files, chance: Chance): Files
  /**
   * Reads it as molm does. Throws a UserError where molm refuses it, and `Wrong` where molm accepts it and what comes out
   * cannot be right. What must hold for sound inputs only can be asked of `input.isSound`.
   */
  read(input: Input): Promise<void> | void
  /** Whether `read` finds the files in `input.dir`; else it has them in memory alone. */
  onDisk?: boolean
  /** Folders in which `read` may write, given that of the input: nothing may be written anywhere else. */
  mayWrite?(dir: string): readonly string[]
  /** Ends what `prepare` has started. */
  close?(): Promise<void>
}

export interface Input {
  files: Files
  /** Folder in which they lie, where the reader is `onDisk`. */
  dir: string
  isSound: boolean
}

/** Molm has accepted what it cannot have understood. */
export class Wrong extends Error {}

/** Throws Wrong unless something holds. */
export function expect(holds: boolean, otherwise: string): asserts holds {
  if (!holds) throw new Wrong(otherwise)
}
