import { UserError } from '../../../ground/errors.js'
import { partsOf } from './definition-parts.js'
import type { TokenizerDefinition } from './tokenizer-definition.js'

/** Byte-pair encodings over bytes (GPT-2's), or over characters with bytes for unknown ones (Llama's). */
export type TokenizerKind = 'byte-level' | 'sentencepiece'

/** Settings that change the tokens and are not supported. */
const UNSUPPORTED = ['continuing_subword_prefix', 'end_of_word_suffix', 'dropout']

/** The kind of a tokenizer. Throws a UserError, without the file's name, for unsupported kinds. */
export function kindOf({ json, model }: TokenizerDefinition): TokenizerKind {
  // Old files leave the type out.
  if ((model.type ?? 'BPE') === 'BPE') {
    const setting = UNSUPPORTED.find((key) => model[key])
    if (setting) throw new UserError(`its ${setting} is not supported`)
    const has = (part: unknown, list: string) => partsOf(part, list).some(({ type }) => type === 'ByteLevel')
    if (has(json.pre_tokenizer, 'pretokenizers')) {
      if (json.decoder && !has(json.decoder, 'decoders'))
        throw new UserError('its decoder is not that of its pre-tokenizer')
      return 'byte-level'
    }
    if (model.byte_fallback === true) return 'sentencepiece'
  }
  throw new UserError("not a byte-pair tokenizer over bytes, as GPT-2's or Llama's; no other kind is supported")
}
