import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { loadTokenizer } from '#molm/text/tokenizer.js'
import { hardTexts } from '../support/hard-texts.js'
import { inFolderOf, NANO, readJson } from './folders.js'
import { agree, firstTokens, published, Reference } from './rust-tokenizers.js'

const test = suite('tokenizers beside the Rust library')
const trial = Reference ? test : test.skip

const nano = await readJson(NANO, 'tokenizer.json')
const llama = firstTokens(await published('llama2'))

const sequence = (...pretokenizers: object[]) => ({ type: 'Sequence', pretokenizers })
const bytes = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: false }
const words = { ...bytes, use_regex: true }
const split = (pattern: object, behavior = 'Isolated', invert = false) => ({ type: 'Split', pattern, behavior, invert })

const CONTRACTIONS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
const REST = ' ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+'
const QWEN = `${CONTRACTIONS}|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}|${REST}`
const LLAMA_3 = `${CONTRACTIONS}|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}|${REST}`
const O200K = [
  `[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+${CONTRACTIONS}?`,
  `[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*${CONTRACTIONS}?`,
  '\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+',
].join('|')

trial("nano's own", () => agree(nano))

trial("StarCoder's, which Granite has: each digit alone", () =>
  agree({ ...nano, pre_tokenizer: sequence({ type: 'Digits', individual_digits: true }, words) }),
)

trial("GPT-NeoX's, which OLMoE has: NFC, and runs of blanks as tokens", () => {
  const blanks = [2, 3, 4, 8].map((length, i) => addedToken(4096 + i, ' '.repeat(length), { normalized: true }))
  return agree({ ...nano, normalizer: { type: 'NFC' }, added_tokens: [...nano.added_tokens, ...blanks] })
})

for (const [name, pattern] of Object.entries({ 'Qwen 2 and 3': QWEN, 'Llama 3': LLAMA_3, 'gpt-oss': O200K })) {
  trial(`${name}: its pattern`, () =>
    agree({ ...nano, normalizer: { type: 'NFC' }, pre_tokenizer: sequence(split({ Regex: pattern }), bytes) }),
  )
}

trial("Falcon's: digits in threes after the bytes", () => {
  const signs = { type: 'Punctuation', behavior: 'Contiguous' }
  const digits = { type: 'Digits', individual_digits: false }
  return agree({ ...nano, pre_tokenizer: sequence(signs, words, digits, split({ Regex: '[0-9]' })) })
})

trial('Llama 2, which Mixtral and JetMoE have, with bytes for what it does not know', () => agree(llama))

trial('Llama with Metaspace in place of a normalizer', async () => {
  const texts = hardTexts(110)
  for (const prepend_scheme of ['always', 'first', 'never']) {
    for (const split of [true, false]) {
      const pre_tokenizer = { type: 'Metaspace', replacement: '▁', prepend_scheme, split }
      await agree({ ...llama, normalizer: null, pre_tokenizer }, texts)
    }
  }
})

trial('whole words of the vocabulary before all merges', () =>
  agree({ ...llama, model: { ...llama.model, ignore_merges: true } }, hardTexts(150)),
)

trial('what becomes of matches and of what is between them', async () => {
  const texts = hardTexts(60)
  for (const behavior of ['Removed', 'Isolated', 'MergedWithPrevious', 'MergedWithNext', 'Contiguous']) {
    for (const [pattern, invert] of [[{ String: 'a' }, true] as const, [{ Regex: '\\p{N}' }, false] as const]) {
      await agree({ ...nano, pre_tokenizer: sequence(split(pattern, behavior, invert), bytes) }, texts)
    }
  }
})

trial('normalizers', async () => {
  const texts = hardTexts(130)
  const normalizers = [
    ...['NFD', 'NFKC', 'NFKD', 'Lowercase'].map((type) => ({ type })),
    { type: 'Strip', strip_left: true, strip_right: true },
    { type: 'Replace', pattern: { String: 'a' }, content: '$&b' },
    { type: 'Prepend', prepend: 'Q' },
  ]
  for (const normalizer of normalizers) await agree({ ...nano, normalizer }, texts)
  await agree({ ...nano, normalizer: { type: 'Sequence', normalizers: normalizers.slice(3) } }, texts)
})

trial('added tokens: inside words and alone, with the blanks beside them, and in normalised text', async () => {
  const tokens = [
    addedToken(4096, 'hello', { single_word: true }),
    addedToken(4097, '<thought>', { lstrip: true }),
    addedToken(4098, '</s>', { rstrip: true }),
    addedToken(4099, 'World', { normalized: true }),
    addedToken(4100, '<s>', { lstrip: true, rstrip: true, special: true }),
    addedToken(4101, '日本', { single_word: true, normalized: true }),
    addedToken(4102, '<|im_start|>', { special: true }),
    addedToken(4103, '<|im', {}),
  ]
  const added_tokens = [...nano.added_tokens, ...tokens]
  await agree({ ...nano, added_tokens })
  await agree({ ...nano, added_tokens, normalizer: { type: 'Lowercase' } })
  // This release of the Rust library decodes them without the blanks of the normalizer; later ones with them.
  const normalised = llama.added_tokens.map((token: object) => ({ ...token, normalized: true }))
  await agree({ ...llama, added_tokens: normalised }, hardTexts(150), { decodes: false })
})

/** Ids of a token with SentencePiece's blank, and of one with blanks. */
const X = Object.keys(llama.model.vocab).length
const MID = X + 1

/** Llama's, with a token that begins and ends with blanks, and one with SentencePiece's blank. */
const withBlanks = (normalized: boolean, other: object = {}) => {
  const blanks = [addedToken(X, '▁x▁', { normalized }), addedToken(MID, '  mid ', { normalized })]
  return { ...llama, ...other, added_tokens: [...llama.added_tokens, ...blanks] }
}
const metaspace = (prepend_scheme: string) => ({ type: 'Metaspace', replacement: '▁', prepend_scheme, split: true })

trial(
  'added tokens with blanks, and blanks at the beginning, are decoded by the parts of a Llama decoder',
  async () => {
    const rows = [[MID], [1, MID], [MID, 306], [306, MID, MID], [X, 306], [306, X], [259, 306], [259]]
    for (const decoder of [llama.decoder, metaspace('always'), metaspace('never')]) {
      await inFolderOf({ 'tokenizer.json': withBlanks(false, { decoder }) }, async (dir) => {
        const reference = await (Reference as NonNullable<typeof Reference>).fromFile(join(dir, 'tokenizer.json'))
        const tokenizer = await loadTokenizer(dir)
        for (const ids of rows) {
          for (const skipSpecial of [false, true]) {
            const said = `${decoder.type} ${ids}`
            assert.is(tokenizer?.decode(ids, { skipSpecial }), await reference.decode(ids, skipSpecial), said)
          }
        }
      })
    }
  },
)

test('an added token of normalised text is decoded with the blanks that the normalizer gave it', async () => {
  // Expected from version 0.23.2 of the Rust library.
  const expected: [number[], string, string][] = [
    [[MID], '  mid ', 'mid'],
    [[1, MID], '<s>   mid ', '<s>   mid '],
    [[306, MID], 'th   mid ', 'th   mid '],
    [[MID, 306], '  mid  th', 'mid th'],
    [[X, 306], ' x  th', 'x th'],
    [[306, X, 306], 'th  x  th', 'th  x  th'],
  ]
  await inFolderOf({ 'tokenizer.json': withBlanks(true) }, async (dir) => {
    const tokenizer = await loadTokenizer(dir)
    for (const [ids, text] of expected) assert.is(tokenizer?.decode(ids), text)
    for (const text of ['  mid ', 'th   mid ', 'a   mid  th']) {
      const ids = tokenizer?.encode(text, { addSpecialTokens: false }) ?? []
      assert.ok(ids.includes(MID), text)
      assert.is(tokenizer?.decode(ids), text)
    }
  })
  await inFolderOf({ 'tokenizer.json': withBlanks(true, { decoder: metaspace('always') }) }, async (dir) => {
    const tokenizer = await loadTokenizer(dir)
    for (const [ids, , text] of expected) assert.is(tokenizer?.decode(ids), text)
  })
})

trial('a prefix space, and tokens around the text', async () => {
  await agree({ ...nano, pre_tokenizer: { ...words, add_prefix_space: true } }, hardTexts(150))
  const special = { id: '<|endoftext|>', ids: [4095], tokens: ['<|endoftext|>'] }
  const item = { SpecialToken: { id: special.id, type_id: 0 } }
  const single = [item, { Sequence: { id: 'A', type_id: 0 } }, item]
  const pair = [...single, { Sequence: { id: 'B', type_id: 0 } }]
  const template = { type: 'TemplateProcessing', single, pair, special_tokens: { [special.id]: special } }
  await agree({ ...nano, post_processor: template }, hardTexts(60))
  const processors = [{ ...words, type: 'ByteLevel' }, template]
  await agree({ ...nano, post_processor: { type: 'Sequence', processors } }, hardTexts(60))
})

function addedToken(id: number, content: string, settings: object): object {
  const flags = { single_word: false, lstrip: false, rstrip: false, normalized: false, special: false }
  return { id, content, ...flags, ...settings }
}

test.run()
