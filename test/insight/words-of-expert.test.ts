import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { seededRandom } from '#molm/engine/sampling/random.js'
import { mostParticular, wordsOf } from '#molm/insight/atlas/words-of-expert.js'
import { textValues } from '#molm/insight/usage/text-colours.js'
import { mixture, reader, routedText } from '../support/routed-text.js'

const WORDS = ['the', ' dose', 'dose', ' mg', ' a', '\n']

/** A text of one layer of 8 MLP experts: experts of a word, one of them for each token. */
function text(tokens: number[], expertOf: (token: number, i: number) => number) {
  const model = reader([mixture('mlp', [8], 1)], WORDS)
  return routedText('text', model, tokens, (i) => ({ mlp: { ids: [expertOf(tokens[i], i)], gates: [1] } }))
}

const repeated = (times: number, tokens: number[]) => Array.from({ length: times }, () => tokens).flat()

test('words of an expert come by lift, blanks at their ends do not make another word', () => {
  const found = wordsOf(
    text(repeated(5, [0, 0, 4, 1, 2, 3]), (token) => (token === 1 || token === 2 || token === 3 ? 3 : 0)),
    { kind: 'mlp', layer: 0, expert: 3 },
  )
  assert.equal(
    found.map(({ text, count }) => [text, count]),
    [
      ['dose', 10],
      ['mg', 5],
    ],
  )
  assert.equal(found[0].lift, 2)
})

test('a word that came once ranks below one that always woke the expert', () => {
  const tokens = [...repeated(6, [0, 4, 3]), 1, ...repeated(4, [0, 4])]
  const found = wordsOf(
    text(tokens, (token) => (token === 1 || token === 3 ? 2 : 0)),
    { kind: 'mlp', layer: 0, expert: 2 },
  )
  assert.equal(
    found.map(({ text }) => text),
    ['mg', 'dose'],
  )
})

test('the most particular expert has the words with the highest confirmed lift', () => {
  const tokens = repeated(20, [0, 4, 0, 4, 1, 1, 3, 1])
  const found = mostParticular(text(tokens, (token, i) => (token === 3 ? 5 : token === 1 ? 4 : i % 3)))
  assert.equal(found && [found.layer, found.kind, found.expert], [0, 'mlp', 5])
  assert.equal(found?.words, [{ text: 'mg', lift: 8, count: 20 }])
})

test('whole words say more than parts of words and punctuation', () => {
  const model = reader([mixture('mlp', [8], 1)], [' the', ' lan', 'tern', ',', ' a', ' mg'])
  const tokens = repeated(20, [0, 1, 2, 3, 4, 0, 5, 0])
  const expertOf = (token: number, i: number) => (token === 2 ? 5 : token === 3 ? 4 : token === 5 ? 6 : i % 3)
  const read = routedText('text', model, tokens, (i) => ({ mlp: { ids: [expertOf(tokens[i], i)], gates: [1] } }))
  const found = mostParticular(read)
  assert.is(found?.expert, 6)
  assert.equal(
    found?.words.map(({ text }) => text),
    ['mg'],
  )
})

test('no expert of a text whose words chance explains is particular', () => {
  const short = text([0, 1, 3, 4], (_, i) => i)
  assert.is(mostParticular(short), undefined)
  const even = text(repeated(30, [0, 1, 2, 3]), (_, i) => (i * 5 + (i >> 2)) % 8)
  assert.is(mostParticular(even), undefined)
})

test('of many texts whose tokens choose by chance, hardly any has a particular expert', () => {
  const random = seededRandom(5)
  const words = Array.from({ length: 90 }, (_, i) => ` ${String.fromCharCode(97 + (i % 9), 97 + Math.floor(i / 9))}`)
  const model = reader([mixture('mlp', [16, 16], 1)], words)
  const below = (end: number) => Math.floor(random.nextFloat() ** 2 * end)
  const isParticular = () => {
    const tokens = Array.from({ length: 500 }, () => below(words.length))
    const ids = tokens.map(() => below(16))
    return (
      mostParticular(routedText('text', model, tokens, (i) => ({ mlp: { ids: [ids[i]], gates: [1] } }))) !== undefined
    )
  }
  const found = Array.from({ length: 60 }, isParticular).filter(Boolean).length
  assert.ok(found <= 1, `${found} of 60`)
})

test('values that colour a text: the strongest expert, surprise, and the share of experts that sleep', () => {
  const tokens = [...repeated(40, [0, 4]), 3]
  const read = text(tokens, (token, i) => (token === 3 ? 7 : i % 2))
  assert.equal(textValues(read, { by: 'expert', kind: 'mlp', layer: 0 }).slice(-2), [1, 7])
  assert.equal(textValues(read, { by: 'sleepers' }).slice(-2), [0, 1])
  const short = text([0, 1, 2], (token) => (token === 2 ? 7 : 0))
  assert.equal(textValues(short, { by: 'sleepers' }), [0, 0, 1])
  assert.equal(textValues(read, { by: 'surprise' }).slice(-2), [undefined, undefined])
  read.surprise = tokens.map((_, i) => (i === 0 ? undefined : 2))
  assert.equal(textValues(read, { by: 'surprise' }).slice(0, 2), [undefined, 2])
})

test.run()
