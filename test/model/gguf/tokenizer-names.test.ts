import { createRequire } from 'node:module'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { loadChatTemplate } from '#molm/text/chat-template.js'
import { loadGenerationDefaults } from '#molm/text/generation-config.js'
import { hardTexts } from '../../support/hard-texts.js'
import { inFolderOf, NANO, readJson } from '../../text/folders.js'
import {
  byteLevelValues,
  type TokenizerJson,
  textsFrom,
  tokenizerFrom,
  type Values,
  withTokenizer,
} from './tokenizer-values.js'

/** A reference that has builds for the common platforms only. */
const { Tokenizer: Reference } =
  process.platform === 'linux' && process.arch === 'x64'
    ? createRequire(import.meta.url)('@anush008/tokenizers')
    : { Tokenizer: undefined }

const nano: TokenizerJson = await readJson(NANO, 'tokenizer.json')
const END = 4095

/** nano's vocabulary with other added tokens. */
const withAdded = (...added: Partial<TokenizerJson['added_tokens'][number]>[]): TokenizerJson => ({
  ...nano,
  added_tokens: [
    ...nano.added_tokens,
    ...added.map((token, i) => ({ ...nano.added_tokens[nano.added_tokens.length - 1], id: 4096 + i, ...token })),
  ],
})

const CONTRACTIONS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
const REST = ' ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+'
const LETTERS = '[^\\r\\n\\p{L}\\p{N}]?\\p{L}+'
const split = (Regex: string) => ({ type: 'Split', pattern: { Regex }, behavior: 'Isolated', invert: false })
const bytes = (use_regex: boolean) => ({ type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex })
const sequence = (...pretokenizers: object[]) => ({ type: 'Sequence', pretokenizers })
const splits = (...patterns: string[]) => sequence(...patterns.map(split), bytes(false))
const digits = { type: 'Digits', individual_digits: true }
const NFC = { type: 'NFC' }

const WORDS_AND_SIGNS =
  '[!"#$%&\'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+|' +
  ' ?[\\p{P}\\p{S}]+[\r\n]*|\\s*[\r\n]+|\\s+(?!\\S)|\\s+'

const KIMI_CAPITALS = '[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}&&[^\\p{Han}]]'
const KIMI_SMALL = '[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}&&[^\\p{Han}]]'

/** Pre-tokenizers and normalizers as the families' own tokenizer.json have them. */
const FAMILIES: Record<string, [preTokenizer: object, normalizer: object | null]> = {
  'gpt-2': [bytes(true), null],
  olmo: [bytes(true), NFC],
  refact: [sequence(digits, bytes(true)), null],
  smollm: [sequence(digits, bytes(true)), null],
  'command-r': [sequence(digits, bytes(true)), NFC],
  dbrx: [splits(`${CONTRACTIONS}|${LETTERS}|\\p{N}{1,3}|${REST}`), null],
  lfm2: [splits(`${CONTRACTIONS}|${LETTERS}|\\p{N}{1,3}|${REST}`), null],
  hunyuan: [splits(`${CONTRACTIONS}|${LETTERS}|\\p{N}|${REST}`), null],
  qwen2: [splits(`${CONTRACTIONS}|${LETTERS}|\\p{N}|${REST}`), NFC],
  qwen35: [
    splits(
      `${CONTRACTIONS}|[^\\r\\n\\p{L}\\p{N}]?[\\p{L}\\p{M}]+|\\p{N}| ?[^\\s\\p{L}\\p{M}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+`,
    ),
    NFC,
  ],
  tekken: [
    splits(
      '[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+|' +
        '[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*|' +
        '\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+',
    ),
    null,
  ],
  bailingmoe2: [
    splits(
      "'(?i:[sdmt]|ll|ve|re)|[^\\r\\n\\p{L}\\p{N}]?+\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]++[\\r\\n]*|\\s*[\\r\\n]|\\s+(?!\\S)|\\s+",
    ),
    null,
  ],
  'kimi-k2': [
    splits(
      '[\\p{Han}]+|' +
        `[^\\r\\n\\p{L}\\p{N}]?${KIMI_CAPITALS}*${KIMI_SMALL}+${CONTRACTIONS}?|` +
        `[^\\r\\n\\p{L}\\p{N}]?${KIMI_CAPITALS}+${KIMI_SMALL}*${CONTRACTIONS}?|` +
        `\\p{N}{1,3}|${REST}`,
    ),
    null,
  ],
  'deepseek-v3': [splits('\\p{N}{1,3}', '[一-龥\u3040-ゟ゠-ヿ]+', WORDS_AND_SIGNS), null],
  laguna: [
    sequence(
      { ...split('(?:\\r?\\n)+(?!\\r?\\n)'), behavior: 'MergedWithNext' },
      split(`${CONTRACTIONS}|${LETTERS}|\\p{N}|${REST}`),
      bytes(false),
    ),
    null,
  ],
  // A number begins with the digits that are left over by groups of three.
  afmoe: [
    splits(
      '(?<!\\p{Nd})\\p{Nd}{1,2}(?=(?:\\p{Nd}{3})*(?!\\p{Nd}))|\\p{Nd}{3}',
      '[一-鿿㐀-䶿豈-\ufaff\u3040-ゟ゠-ヿ･-ﾟ⼀-\u2fdfเ-\u0e7f\u0e80-\u0effក-\u17ffက-႟ꩠ-ꩿꧠ-\ua9ff가-\ud7afᄀ-ᇿ]+',
      WORDS_AND_SIGNS,
    ),
    null,
  ],
}

const test = suite('tokenizers of GGUF files by their names')

const trial = Reference ? test : test.skip
trial('they divide texts as the published tokenizer.json of their family does', async () => {
  const texts = hardTexts(160)
  for (const [name, [pre_tokenizer, normalizer]] of Object.entries(FAMILIES)) {
    await inFolderOf({ 'tokenizer.json': { ...nano, pre_tokenizer, normalizer } }, async (dir) => {
      const reference = await Reference.fromFile(join(dir, 'tokenizer.json'))
      await withTokenizer(byteLevelValues(nano, name), async (tokenizer) => {
        assert.ok(tokenizer.isQuick, `${name}: its pattern is a published one`)
        for (const text of texts) {
          const expected = await reference.encode(text.replace(/\p{Cs}/gu, '\ufffd'), null, { addSpecialTokens: false })
          const ids = tokenizer.encode(text, { addSpecialTokens: false })
          assert.equal(ids, [...expected.getIds()], `${name}: ${JSON.stringify(text)}`)
        }
      })
    })
  }
})

test('without a name, or with "default", the family decides on the tokenizer', async () => {
  const expected = await tokenizerFrom(byteLevelValues(nano, 'qwen2'))
  const values = byteLevelValues(nano, 'default', { 'general.architecture': 'qwen3moe' })
  assert.equal(await tokenizerFrom(values), expected)
  const { 'tokenizer.ggml.pre': _, ...unnamed } = values
  assert.equal(await tokenizerFrom(unnamed), expected)
})

test('unknown kinds are left out, with their name', async () => {
  const cases: [Values, RegExp][] = [
    [
      byteLevelValues(nano, 'quux'),
      /^model\.gguf: tokenizer\.ggml\.pre is "quux", and its way to divide texts is not known, so the model comes without a tokenizer$/,
    ],
    [byteLevelValues(nano, 'default'), /tokenizer\.ggml\.pre is "default"/],
    [{ 'tokenizer.ggml.model': 't5' }, /^model\.gguf: tokenizer\.ggml\.model is "t5", and only the byte-pair/],
    [{ 'tokenizer.ggml.model': '\u001b[31m' }, /tokenizer\.ggml\.model is "\\x1b\[31m"/],
    [{ 'general.architecture': 'olmoe' }, /tokenizer\.ggml\.model is missing, so the model comes without a tokenizer$/],
  ]
  for (const [values, expected] of cases) {
    const { files, problem } = await textsFrom({ ...values, 'general.sampling.temp': 0.5 })
    assert.match(problem ?? '', expected)
    assert.equal(files, { 'generation_config.json': '{"do_sample":true,"temperature":0.5}' })
  }
})

test("a word of the vocabulary is one token if the family's tokenizer says so", async () => {
  const ignores = async (name: string, architecture = 'x') =>
    (await tokenizerFrom(byteLevelValues(nano, name, { 'general.architecture': architecture }))).model.ignore_merges
  assert.is(await ignores('lfm2'), true)
  assert.is(await ignores('tekken'), true)
  assert.is(await ignores('gpt-4o', 'gpt-oss'), true)
  assert.is(await ignores('gpt-4o'), false)
  assert.is(await ignores('qwen2'), false)
})

test('texts begin with a token if the metadata says so, or by the custom of the family', async () => {
  const bos = { 'tokenizer.ggml.bos_token_id': END, 'tokenizer.ggml.eos_token_id': END }
  const around = async (name: string, others: Values) => {
    let ids: number[] = []
    await withTokenizer(byteLevelValues(nano, name, others), (tokenizer) => {
      ids = tokenizer.encode('')
    })
    return ids
  }
  assert.equal(await around('lfm2', bos), [END])
  assert.equal(await around('lfm2', {}), [])
  assert.equal(await around('lfm2', { ...bos, 'tokenizer.ggml.add_bos_token': false }), [])
  assert.equal(await around('qwen2', bos), [])
  assert.equal(await around('qwen2', { ...bos, 'tokenizer.ggml.add_bos_token': true }), [END])
  assert.equal(await around('qwen2', { ...bos, 'tokenizer.ggml.add_eos_token': true }), [END])
})

test('added tokens have the flags that their families give them', async () => {
  const json = withAdded(
    { content: '<|fim_pad|>', special: false },
    { content: '<thought>', special: false },
    { content: '<|im_end|>' },
  )
  const flags = async (name: string) => {
    const { added_tokens } = await tokenizerFrom(byteLevelValues(json, name))
    return added_tokens.slice(-4).map(({ special, normalized }) => [special, normalized])
  }
  const special = [true, false]
  assert.equal(await flags('qwen2'), [special, [false, false], [false, false], special])
  assert.equal(await flags('refact'), [special, special, [false, false], special])
  assert.equal(await flags('olmo'), [special, special, [false, true], special])
})

test('runs of blanks are tokens of their own in OLMoE', async () => {
  const json = withAdded({ content: '    ', special: false })
  await withTokenizer(byteLevelValues(json, 'olmo'), (tokenizer) => {
    assert.ok(tokenizer.encode('if x:\n    y').includes(4096))
    assert.is(tokenizer.decode([4096]), '    ')
    assert.is(tokenizer.specialIds.has(4096), false)
  })
})

test('ids that a converter has filled have no token', async () => {
  const json = withAdded({ id: 4100, content: '<|im_end|>' })
  await withTokenizer(byteLevelValues(json, 'qwen2'), (tokenizer) => {
    assert.is(tokenizer.vocabSize, 4101)
    assert.is(tokenizer.decode([4097, 4100]), '<|im_end|>')
    assert.is(tokenizer.idOf('[PAD4097]'), undefined)
  })
})

test('an answer ends with each token that ends a turn or a text', async () => {
  const endsOf = async (contents: string[], others: Values = {}) => {
    const json = withAdded(...contents.map((content) => ({ content })))
    const values = byteLevelValues(json, 'qwen2', { 'tokenizer.ggml.eos_token_id': 4096, ...others })
    return JSON.parse((await textsFrom(values)).files['generation_config.json']).eos_token_id
  }
  assert.equal(await endsOf(['<|im_end|>']), [4096, END])
  const own = { 'tokenizer.ggml.eot_token_id': 4097, 'tokenizer.ggml.eom_token_id': 4098 }
  assert.equal(await endsOf(['<A>', '<B>', '<C>'], own), [4096, 4097, 4098, END])
  // A message of gpt-oss ends with <|end|>, and the next one may be a part of the same answer.
  assert.equal(await endsOf(['<|return|>', '<|call|>', '<|end|>']), [4096, END, 4097])
  assert.equal(await endsOf(['<|im_end|>', '<|end|>']), [4096, END, 4097])
})

test('settings for sampling become the defaults of the model', async () => {
  const settings = ['temp', 'top_k', 'top_p', 'min_p', 'penalty_repeat']
  const samplingOf = (...numbers: number[]) =>
    Object.fromEntries(settings.map((name, i) => [`general.sampling.${name}`, numbers[i]]))
  const sampling = samplingOf(0.6, 20, 0.95, 0.05, 1.05)
  const values = byteLevelValues(nano, 'qwen2', { ...sampling, 'tokenizer.ggml.padding_token_id': END })
  await withTokenizer(values, async (_, dir) => {
    const defaults = await loadGenerationDefaults(dir)
    const expected = { temperature: 0.6, topK: 20, topP: 0.95, minP: 0.05, repeatPenalty: 1.05, eosTokens: [END] }
    assert.equal(defaults, expected)
    assert.is((await readJson(dir, 'generation_config.json')).pad_token_id, END)
  })
  const beyond = samplingOf(-1, -1, 1.5, -0.5, 0)
  await withTokenizer(byteLevelValues(nano, 'qwen2', beyond), async (_, dir) => {
    const { eosTokens: _ends, ...settings } = await loadGenerationDefaults(dir)
    assert.equal(settings, { temperature: 0, topK: 0, topP: 1, minP: 0, repeatPenalty: 1 })
  })
})

test('a model has several chat templates, and a template the tokens by their tasks', async () => {
  const templates = {
    'tokenizer.chat_template': '{{ bos_token }}{{ messages[0].content }}',
    'tokenizer.chat_templates': ['default', 'tool_use'],
    'tokenizer.chat_template.tool_use': '{{ tools | length }} tools',
    'tokenizer.ggml.bos_token_id': END,
  }
  await withTokenizer(byteLevelValues(nano, 'qwen2', templates), async (_, dir) => {
    const template = await loadChatTemplate(dir)
    const messages = [{ role: 'user' as const, content: 'hi' }]
    assert.is(await template?.render(messages, {}), '<|endoftext|>hi')
    const config = await readJson(dir, 'tokenizer_config.json')
    assert.equal(config.chat_template, [
      { name: 'default', template: templates['tokenizer.chat_template'] },
      { name: 'tool_use', template: templates['tokenizer.chat_template.tool_use'] },
    ])
  })
})

test('tokens for filling a gap are named', async () => {
  const json = withAdded({ content: '<P>' }, { content: '<S>' }, { content: '<M>' })
  const gap = {
    'tokenizer.ggml.fim_pre_token_id': 4096,
    'tokenizer.ggml.fim_suf_token_id': 4097,
    'tokenizer.ggml.middle_token_id': 4098,
  }
  const { files } = await textsFrom(byteLevelValues(json, 'refact', gap))
  const { prefix_token, suffix_token, middle_token } = JSON.parse(files['tokenizer_config.json'])
  assert.equal([prefix_token, suffix_token, middle_token], ['<P>', '<S>', '<M>'])
})

test.run()
