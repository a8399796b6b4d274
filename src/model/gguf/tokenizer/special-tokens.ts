import type { GgufMetadata } from '../file/metadata.js'
import { type AddedTokenRules, addedTokensOf, type TokenList, TokenType, tokenIdAt } from './token-list.js'

const ROLES = ['bos', 'eos', 'unk', 'sep', 'pad', 'cls', 'mask', 'prefix', 'suffix', 'middle'] as const

/** A task of a token: the start of a text, the gap in the middle of one, and so on. */
export type Role = (typeof ROLES)[number]

/** Keys of the metadata, the newest spelling first. */
const KEYS: Record<Role, string[]> = {
  bos: ['bos_token_id'],
  eos: ['eos_token_id'],
  unk: ['unknown_token_id'],
  sep: ['seperator_token_id', 'separator_token_id'],
  pad: ['padding_token_id'],
  cls: ['cls_token_id'],
  mask: ['mask_token_id'],
  prefix: ['fim_pre_token_id', 'prefix_token_id'],
  suffix: ['fim_suf_token_id', 'suffix_token_id'],
  middle: ['fim_mid_token_id', 'middle_token_id'],
}

/** Special tokens, and what surrounds a text. */
export interface SpecialTokens {
  byRole: Partial<Record<Role, number>>
  /** Ids that end an answer, the end of a text first. */
  ends: number[]
  addsBos: boolean
  addsEos: boolean
}

/** Values for keys that the metadata does not have. */
export interface Defaults {
  byRole: Partial<Record<Role, number>>
  addsBos: boolean
}

/** Ends of a turn or of a text, by the names that families give them. The metadata has at most three of them. */
const ENDS = [
  ...['<|im_end|>', '<|endoftext|>', '<|end_of_text|>', '<|eot_id|>', '<|eom_id|>', '<|end|>', '<end_of_turn>'],
  ...['<|return|>', '<|call|>', '<EOT>', '<｜end▁of▁sentence｜>', '<turn|>', '<|tool_response>'],
]

/** Reads the special tokens. Throws a UserError for an id without a token. */
export function readSpecialTokens(metadata: GgufMetadata, list: TokenList, defaults: Defaults): SpecialTokens {
  const idAt = (key: string) => tokenIdAt(`tokenizer.ggml.${key}`, metadata, list)
  const byRole: SpecialTokens['byRole'] = {}
  for (const role of ROLES) {
    const key = KEYS[role].find((key) => metadata.has(`tokenizer.ggml.${key}`))
    const byDefault = list.tokens[defaults.byRole[role] ?? -1] === undefined ? undefined : defaults.byRole[role]
    const id = key ? idAt(key) : byDefault
    if (id !== undefined) byRole[role] = id
  }
  const ends = [byRole.eos, idAt('eot_token_id'), idAt('eom_token_id'), ...endsByName(list)]
  return {
    byRole,
    ends: [...new Set(ends)].filter((id) => id !== undefined),
    addsBos: metadata.flag('tokenizer.ggml.add_bos_token', defaults.addsBos) && byRole.bos !== undefined,
    addsEos: metadata.flag('tokenizer.ggml.add_eos_token', false) && byRole.eos !== undefined,
  }
}

function endsByName({ ids, types }: TokenList): number[] {
  const isHarmony = ids.has('<|return|>') && ids.has('<|call|>')
  return ENDS.flatMap((name) => {
    const id = ids.get(name)
    // In gpt-oss's form, a call or an answer may follow the end of a message.
    const isEnd =
      id !== undefined &&
      // Converters make some of Gemma's control tokens visible.
      (types[id] === TokenType.control || name === '<|tool_response>') &&
      !(isHarmony && name === '<|end|>')
    return isEnd ? [id] : []
  })
}

/** `post_processor` of tokenizer.json: the tokens that begin and end each text; null if there are none. */
function postProcessorOf({ byRole, addsBos, addsEos }: SpecialTokens, { tokens }: TokenList): object | null {
  const before = addsBos ? [byRole.bos] : []
  const after = addsEos ? [byRole.eos] : []
  const special_tokens: Record<string, object> = {}
  const items = (ids: (number | undefined)[], type_id: number) =>
    ids.map((one) => {
      const id = tokens[one as number] as string
      special_tokens[id] = { id, ids: [one], tokens: [id] }
      return { SpecialToken: { id, type_id } }
    })
  const around = (id: string, type_id: number) => [
    ...items(before, type_id),
    { Sequence: { id, type_id } },
    ...items(after, type_id),
  ]
  const single = around('A', 0)
  if (single.length === 1) return null
  return { type: 'TemplateProcessing', single, pair: [...single, ...around('B', 1)], special_tokens }
}

/** Parts of a tokenizer.json that differ between the kinds of byte-pair encodings. */
interface EncodingParts {
  rules: AddedTokenRules
  normalizer: object | null
  pre_tokenizer: object | null
  decoder: object
  /** Whether unknown characters become their bytes. */
  fallsBack: boolean
  ignoresMerges: boolean
  merges: readonly string[]
}

/** The contents of tokenizer.json of a byte-pair encoding. */
export function encodingJson(list: TokenList, special: SpecialTokens, parts: EncodingParts): object {
  const { rules, normalizer, pre_tokenizer, decoder, fallsBack, ignoresMerges, merges } = parts
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: addedTokensOf(list, rules),
    normalizer,
    pre_tokenizer,
    post_processor: postProcessorOf(special, list),
    decoder,
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: (fallsBack && list.tokens[special.byRole.unk ?? -1]) || null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: fallsBack,
      byte_fallback: fallsBack,
      ignore_merges: ignoresMerges,
      vocab: Object.fromEntries(list.ids),
      merges,
    },
  }
}
