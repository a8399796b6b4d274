import { jsonBomb } from '../bombs.js'
import type { Chance } from '../chance.js'
import { bytesOf, replaced, utf8 } from '../files.js'
import type { Format } from '../format.js'
import { harmJson } from '../harm-json.js'
import { readWithTokenizer, tokenizerFiles } from '../tokenizer-files.js'

const FILE = 'tokenizer.json'
const CONFIG = 'tokenizer_config.json'
const ADDED = 'added_tokens.json'

/** tokenizer.json and the files that complement it. */
export const tokenizer: Format = {
  name: 'tokenizer',
  inputs: 2500,
  prepare() {
    const files = tokenizerFiles()
    const [whole, config] = [FILE, CONFIG].map((name) => JSON.parse(new TextDecoder().decode(bytesOf(files, name))))
    return {
      onDisk: true,
      sound: () => files,

      harm(files, chance) {
        if (chance.oneIn(400)) return replaced(files, FILE, jsonBomb(chance, FILE))
        switch (chance.below(6)) {
          case 0:
            return replaced(files, CONFIG, harmJson({ ...config, added_tokens_decoder: DECODER }, chance, CONFIG))
          case 1:
            return replaced(files, ADDED, harmJson({ '<a>': 330, '<b>': 331 }, chance, ADDED))
          case 2:
            return replaced(files, 'special_tokens_map.json', harmJson(SPECIAL, chance, 'special_tokens_map.json'))
          case 3:
            return replaced(files, FILE, utf8(JSON.stringify({ ...whole, ...hostileParts(chance) })))
          case 4:
            return replaced(files, FILE, utf8(JSON.stringify({ ...whole, model: hostileModel(whole.model, chance) })))
          default:
            return replaced(files, FILE, harmJson(whole, chance, FILE))
        }
      },

      read: readWithTokenizer,
    }
  },
}

const DECODER = { 320: { content: '<x>', lstrip: true, special: true }, 321: { content: ' ', rstrip: true } }
const SPECIAL = {
  bos_token: '<|endoftext|>',
  unk_token: { content: '<unk>' },
  additional_special_tokens: ['<x>', '<y>'],
}

/** Regular expressions that may run forever on an ordinary text. */
const EXPRESSIONS = [
  ...['(a+)+$', '(.*)*\\d', '(?=(a+)+b)', '.', '', '(', '\\p{L}+', '(a|aa)+$', '[^\\s\\S]', '(?<x>a)\\k<x>'],
]

/** Processing steps before and after the model. */
function hostileParts(chance: Chance): object {
  const pattern = () =>
    chance.oneIn(3) ? { String: chance.pick(['a', '', ' ']) } : { Regex: chance.pick(EXPRESSIONS) }
  const part = () => chance.pick(PARTS)(pattern, chance)
  const parts = Array.from({ length: chance.between(1, 4) + (chance.oneIn(8) ? 40 : 0) }, part)
  const [where, list] = chance.pick([
    ...[
      ['normalizer', 'normalizers'],
      ['pre_tokenizer', 'pretokenizers'],
      ['post_processor', 'processors'],
    ],
    ['decoder', 'decoders'],
  ])
  const sequence = { type: 'Sequence', [list]: [...parts, { type: 'ByteLevel', add_prefix_space: false }] }
  chance.note(`${FILE}: ${where} = ${JSON.stringify(sequence).slice(0, 300)}`)
  return { [where]: sequence }
}

const PARTS: ((pattern: () => object, chance: Chance) => object)[] = [
  (pattern, chance) => ({ type: 'Replace', pattern: pattern(), content: chance.pick(['', 'xxxx', '$&$&']) }),
  (pattern, chance) => ({
    type: 'Split',
    pattern: pattern(),
    behavior: chance.pick(['Isolated', 'Removed', 'x']),
    invert: chance.oneIn(2),
  }),
  (_, chance) => ({
    type: chance.pick(['NFC', 'NFKD', 'Lowercase', 'StripAccents', 'BertNormalizer', 'Precompiled', 'Strip']),
  }),
  (_, chance) => ({ type: 'Prepend', prepend: 'y'.repeat(chance.size(10_000)) }),
  (_, chance) => ({
    type: chance.pick(['Whitespace', 'Metaspace', 'Digits', 'Punctuation', 'BertPreTokenizer', 'ByteFallback']),
  }),
  (_, chance) => ({
    type: 'TemplateProcessing',
    single: new Array(chance.size(100_000)).fill({ SpecialToken: { id: '<|endoftext|>', type_id: 0 } }),
    pair: [],
    special_tokens: { '<|endoftext|>': { id: '<|endoftext|>', ids: [313], tokens: ['<|endoftext|>'] } },
  }),
]

/** Invalid vocabularies and merges. */
function hostileModel(model: { vocab: Record<string, number>; merges: unknown[] }, chance: Chance): object {
  const tokens = Object.keys(model.vocab)
  const faults: [string, () => object][] = [
    ['all tokens have id 5', () => ({ vocab: Object.fromEntries(tokens.map((token) => [token, 5])) })],
    ['ids up to 2^31', () => ({ vocab: { ...model.vocab, far: 2 ** chance.between(10, 31) } })],
    [
      'bytes are missing',
      () => ({ vocab: Object.fromEntries(Object.entries(model.vocab).filter(([t]) => t !== 'e')) }),
    ],
    ['an empty vocabulary', () => ({ vocab: {} })],
    ['merges of other kinds', () => ({ merges: [5, null, ['a'], 'a', 'a b c', ['a', 'b', 'c']] })],
    ['merges of unknown tokens', () => ({ merges: [...model.merges, 'qqq zzz', ['\u0120', 'qqq']] })],
    ['merges many times over', () => ({ merges: new Array(2 ** chance.between(4, 12)).fill(model.merges).flat() })],
    ['another kind of model', () => ({ type: chance.pick(['WordPiece', 'Unigram', 'WordLevel', 'BPE2', 5]) })],
    [
      'options',
      () => ({
        ...{ byte_fallback: true, ignore_merges: true, dropout: 1 },
        ...{ continuing_subword_prefix: '##', end_of_word_suffix: '</w>' },
      }),
    ],
  ]
  const [what, made] = chance.pick(faults)
  chance.note(`${FILE}: model with ${what}`)
  return { ...model, ...made() }
}
