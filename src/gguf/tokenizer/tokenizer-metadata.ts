import type { UserError } from '../../errors.js'

/**
 * The metadata of a GGUF file, by key. Each getter throws a UserError that names the key if the value is missing or of
 * another type.
 */
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
