import type { UserError } from '../../../ground/errors.js'

/** The metadata of a GGUF file. Getters throw a UserError that names the key of a missing or unfit value. */
export interface TokenizerMetadata {
  has(key: string): boolean
  text(key: string): string
  number(key: string): number
  flag(key: string): boolean
  texts(key: string): readonly string[]
  numbers(key: string): ArrayLike<number>
  /** The error of a value that makes no sense. `why` follows the name of the key. */
  refuse(key: string, why: string): UserError
}
