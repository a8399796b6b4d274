import { addedTokensOf } from './added-tokens.js'
import { postProcessorOf } from './post-processor.js'
import { architectureOf } from './pre-tokenizers.js'
import { mergesByScore } from './score-merges.js'
import type { Defaults, SpecialTokens } from './special-tokens.js'
import type { TokenList } from './token-list.js'
import type { TokenizerMetadata } from './tokenizer-metadata.js'

const PREFIX = 'tokenizer.ggml.add_space_prefix'

/** Architectures whose texts get no blank in front, if the metadata does not say. */
const WITHOUT_PREFIX = ['ernie4_5', 'ernie4_5-moe']

/** Values for absent keys, as Llama has them. */
export const SENTENCEPIECE_DEFAULTS: Defaults = { byRole: { unk: 0, bos: 1, eos: 2 }, addsBos: true }

/** Whether the vocabulary has a token for each byte, without which texts would lose unknown characters. */
export function hasByteTokens({ ids }: TokenList): boolean {
  return Array.from({ length: 256 }, (_, byte) => byte.toString(16).toUpperCase().padStart(2, '0')).every((byte) =>
    ids.has(`<0x${byte}>`),
  )
}

/**
 * The contents of tokenizer.json for `tokenizer.ggml.model` "llama": byte-pair encoding over characters, with bytes for
 * unknown ones and a visible blank. Throws a UserError if scores are missing.
 */
export function sentencePieceTokenizer(metadata: TokenizerMetadata, list: TokenList, special: SpecialTokens): object {
  const hasPrefix = metadata.has(PREFIX) ? metadata.flag(PREFIX) : !WITHOUT_PREFIX.includes(architectureOf(metadata))
  const replace = (from: string, content: string) => ({ type: 'Replace', pattern: { String: from }, content })
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: addedTokensOf(list, { normalizesAddedTokens: false, notSpecial: new Set() }),
    normalizer: {
      type: 'Sequence',
      normalizers: [...(hasPrefix ? [{ type: 'Prepend', prepend: '▁' }] : []), replace(' ', '▁')],
    },
    pre_tokenizer: null,
    post_processor: postProcessorOf(special, list),
    decoder: {
      type: 'Sequence',
      decoders: [
        replace('▁', ' '),
        { type: 'ByteFallback' },
        { type: 'Fuse' },
        ...(hasPrefix ? [{ type: 'Strip', content: ' ', start: 1, stop: 0 }] : []),
      ],
    },
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: special.byRole.unk === undefined ? null : list.tokens[special.byRole.unk],
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: true,
      byte_fallback: true,
      ignore_merges: false,
      vocab: Object.fromEntries(list.ids),
      merges: mergesByScore(metadata, list),
    },
  }
}
