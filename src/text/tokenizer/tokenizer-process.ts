import type { EncodeAsyncOptions, EncodeOptions } from '../../api/text.js'
import { UserError } from '../../ground/errors.js'
import { reasonOf } from '../../ground/printable.js'
import { LimitedProcess } from '../sandbox/limited-process.js'
import type { TokenizerDefinition } from './definition/tokenizer-definition.js'

export interface EncodeRequest extends EncodeOptions {
  text: string
  /** Most tokens; the answer is null for a longer text. Default: any number. */
  most?: number
}

/** Memory limit. A vocabulary of 200 thousand tokens takes half of it. */
const MEBIBYTES = 192
/** Time limit of a text, and its addition for each character. */
const MILLISECONDS = 1500
const MILLISECONDS_A_CHARACTER = 1 / 500

/** Encodes in a sandbox process, for tokenizers with unpublished patterns. */
export class TokenizerProcess {
  readonly isQuick = false
  private readonly process: LimitedProcess

  constructor(private readonly definition: TokenizerDefinition) {
    this.process = new LimitedProcess(new URL('../../bundle/encode-limited.js', import.meta.url), definition, MEBIBYTES)
  }

  atOnce(text: string, options?: EncodeOptions): number[] {
    try {
      return this.process.askAsleep({ text, ...options } satisfies EncodeRequest, limitOf(text))
    } catch (error) {
      throw this.named(error)
    }
  }

  async inTurns(
    text: string,
    most: number,
    { signal, ...options }: EncodeAsyncOptions = {},
  ): Promise<number[] | undefined> {
    try {
      const request: EncodeRequest = { text, ...options, ...(Number.isFinite(most) && { most }) }
      const limits = { milliseconds: limitOf(text), signal }
      return (await this.process.ask<number[] | null>(request, limits)) ?? undefined
    } catch (error) {
      throw this.named(error)
    }
  }

  private named(error: unknown): unknown {
    if (!(error instanceof UserError)) return error
    return new UserError(`${this.definition.file}: the text cannot be encoded (${reasonOf(error)})`)
  }
}

function limitOf(text: string): number {
  return MILLISECONDS + Math.floor(text.length * MILLISECONDS_A_CHARACTER)
}
