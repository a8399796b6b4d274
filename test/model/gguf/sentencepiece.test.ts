import { readFile } from 'node:fs/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { fixturePath } from '../../support/fixtures.js'
import { hardTexts } from '../../support/hard-texts.js'
import { tokenizerFrom, type Values, withTokenizer } from './tokenizer-values.js'

/*
 * A SentencePiece vocabulary that is trained here on a text, and llama.cpp's way to encode with it: the neighbours that
 * make the token of the highest score are joined first, and there are no merges.
 */

const BYTES = Array.from({ length: 256 }, (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`)
const SPECIAL = ['<unk>', '<s>', '</s>']

interface Vocabulary {
  tokens: string[]
  scores: number[]
  types: number[]
}

/** Trains pieces: the most frequent pair of neighbours becomes a piece, again and again. */
function train(text: string, pieces: number): Vocabulary {
  const counts = new Map<string, number>()
  for (const [word] of text.matchAll(/ ?[^\s]+/g)) {
    const visible = word.replace(' ', '▁')
    counts.set(visible, (counts.get(visible) ?? 0) + 1)
  }
  const words = [...counts].map(([word, count]) => ({ symbols: [...word], count }))
  const made: string[] = []
  while (made.length < pieces) {
    const pairs = new Map<string, number>()
    for (const { symbols, count } of words) {
      for (let at = 0; at + 1 < symbols.length; at++) {
        const pair = symbols[at] + symbols[at + 1]
        pairs.set(pair, (pairs.get(pair) ?? 0) + count)
      }
    }
    const [best] = [...pairs].reduce((a, b) => (b[1] > a[1] ? b : a))
    if (!made.includes(best)) made.push(best)
    for (const word of words) {
      const { symbols } = word
      for (let at = 0; at + 1 < symbols.length; at++) {
        if (symbols[at] + symbols[at + 1] === best) symbols.splice(at, 2, best)
      }
    }
  }
  const characters = [...new Set(words.flatMap(({ symbols }) => symbols).join(''))].filter((c) => !made.includes(c))
  const tokens = [...SPECIAL, ...BYTES, ...made, ...characters]
  return {
    tokens,
    scores: tokens.map((_, id) => (id < 259 ? 0 : 259 - id)),
    types: tokens.map((_, id) => (id === 0 ? 2 : id < 3 ? 3 : id < 259 ? 6 : 1)),
  }
}

const valuesOf = ({ tokens, scores, types }: Vocabulary, others: Values = {}): Values => ({
  'tokenizer.ggml.model': 'llama',
  'tokenizer.ggml.tokens': tokens,
  'tokenizer.ggml.scores': scores,
  'tokenizer.ggml.token_type': types,
  ...others,
})

/** Encodes a text without special tokens in it. */
function joinByScore({ tokens, scores, types }: Vocabulary, text: string, prefix = ' '): number[] {
  const ids = new Map(tokens.map((token, id): [string, number] => [token, id]))
  const symbols = text === '' ? [] : [...(prefix + text).replaceAll(' ', '▁')]
  for (;;) {
    let best = -1
    let score = Number.NEGATIVE_INFINITY
    for (let at = 0; at + 1 < symbols.length; at++) {
      const id = ids.get(symbols[at] + symbols[at + 1])
      if (id === undefined || types[id] !== 1 || scores[id] <= score) continue
      best = at
      score = scores[id]
    }
    if (best < 0) break
    symbols.splice(best, 2, symbols[best] + symbols[best + 1])
  }
  return symbols.flatMap((symbol) => {
    const id = ids.get(symbol)
    return id === undefined ? [...new TextEncoder().encode(symbol)].map((byte) => 3 + byte) : [id]
  })
}

const CORPUS = await readFile(fixturePath('texts/speeches.txt'), 'utf8')
const VOCABULARY = train(CORPUS, 500)
/** Texts without the names of tokens, which are found before all else. */
const TEXTS = hardTexts(800).map((text) => text.replace(/\p{Cs}/gu, '\ufffd').replace(/<[^>]*>/g, ''))

const test = suite('SentencePiece tokenizers of GGUF files')

test('texts have the tokens that llama.cpp finds by their scores', () =>
  withTokenizer(valuesOf(VOCABULARY), (tokenizer) => {
    assert.ok(tokenizer.isQuick)
    const words = CORPUS.split(/(?<=\.)\s/).slice(0, 150)
    for (const text of [...TEXTS, ...words]) {
      const expected = joinByScore(VOCABULARY, text)
      assert.equal(tokenizer.encode(text, { addSpecialTokens: false }), expected, JSON.stringify(text))
      // A visible blank in a text becomes a blank, like the visible blanks that the tokenizer has made.
      assert.is(tokenizer.decode(expected), text.replaceAll('▁', ' '), JSON.stringify(text))
    }
  }))

test('texts have the tokens of stored merges, and no blank in front, with Gemma 4', async () => {
  const { model } = await tokenizerFrom(valuesOf(VOCABULARY))
  const merges = model.merges.map((merge) => (typeof merge === 'string' ? merge : merge.join(' ')))
  const own = { 'tokenizer.ggml.model': 'gemma4', 'general.architecture': 'gemma4', 'tokenizer.ggml.merges': merges }
  await withTokenizer(valuesOf(VOCABULARY, own), (tokenizer) => {
    for (const text of TEXTS.slice(0, 200)) {
      const expected = joinByScore(VOCABULARY, text, '')
      assert.equal(tokenizer.encode(text, { addSpecialTokens: false }), expected, JSON.stringify(text))
      assert.is(tokenizer.decode(expected), text.replaceAll('▁', ' '))
    }
  })
})

test('pieces of one repeated character are joined as in the published files', async () => {
  const runs = [2, 3, 4, 5, 8].map((length) => 'a'.repeat(length))
  const tokens = [...VOCABULARY.tokens, ...runs.filter((run) => !VOCABULARY.tokens.includes(run))]
  const scores = tokens.map((_, id) => VOCABULARY.scores[id] ?? -id)
  const { model } = await tokenizerFrom(
    valuesOf({ tokens, scores, types: tokens.map((_, id) => VOCABULARY.types[id] ?? 1) }),
  )
  const idOf = (token: string) => tokens.indexOf(token)
  const ofRuns = model.merges.filter((merge) => /^a+ a+$/.test(String(merge))).map((merge) => String(merge).split(' '))
  // By what they make, then by the ids of the left tokens, then of the right ones.
  const expected = [...ofRuns].sort(
    ([a, b], [c, d]) => idOf(a + b) - idOf(c + d) || idOf(a) - idOf(c) || idOf(b) - idOf(d),
  )
  assert.equal(ofRuns, expected)
  assert.is(ofRuns.length, 1 + 2 + 3 + 4 + 3)
})

test('a text gets no blank in front if the metadata says so, or if ERNIE does not say', async () => {
  const cases: Values[] = [{ 'tokenizer.ggml.add_space_prefix': false }, { 'general.architecture': 'ernie4_5-moe' }]
  for (const others of cases) {
    await withTokenizer(valuesOf(VOCABULARY, others), (tokenizer) => {
      for (const text of TEXTS.slice(0, 200)) {
        const expected = joinByScore(VOCABULARY, text, '')
        assert.equal(tokenizer.encode(text, { addSpecialTokens: false }), expected, JSON.stringify(text))
        assert.is(tokenizer.decode(expected), text.replaceAll('▁', ' '))
      }
    })
  }
})

test('texts begin with <s> as in Llama, and end with </s> if the metadata says so', async () => {
  const inner = joinByScore(VOCABULARY, 'we')
  await withTokenizer(valuesOf(VOCABULARY), (tokenizer) => assert.equal(tokenizer.encode('we'), [1, ...inner]))
  const both = { 'tokenizer.ggml.add_bos_token': false, 'tokenizer.ggml.add_eos_token': true }
  await withTokenizer(valuesOf(VOCABULARY, both), (tokenizer) => assert.equal(tokenizer.encode('we'), [...inner, 2]))
})

test("a user's token is found before pieces are joined, and is not special", async () => {
  const { tokens, scores, types } = VOCABULARY
  const values = valuesOf({ tokens: [...tokens, '[CALL]', '  '], scores: [...scores, 0, 0], types: [...types, 4, 4] })
  await withTokenizer(values, (tokenizer) => {
    const ids = tokenizer.encode('we[CALL]  we', { addSpecialTokens: false })
    const we = joinByScore(VOCABULARY, 'we')
    assert.equal(ids, [...we, tokens.length, tokens.length + 1, ...we])
    assert.is(tokenizer.specialIds.has(tokens.length), false)
    assert.equal([...tokenizer.specialIds], [0, 1, 2])
  })
})

test.run()
