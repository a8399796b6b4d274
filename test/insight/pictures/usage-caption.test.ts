import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Atlas } from '#molm/insight/atlas/atlas.js'
import { specialistSentence, usageCaption } from '#molm/insight/pictures/kinds/usage-caption.js'
import { mixture, reader, routedText } from '../../support/routed-text.js'

const MODEL = reader([mixture('mlp', [8], 1)], ['the', ' a', ' mg', '\n', ' of', ' in'])

/** A text for one layer: " mg" and line breaks wake expert 6, the other words experts 0 to 2. */
const TEXT = routedText(
  'text',
  MODEL,
  Array.from({ length: 96 }, (_, i) => [0, 1, 4, 5, 0, 2, 1, 4, 0, 1, 5, 3][i % 12]),
  (i) => ({ mlp: { ids: [[2, 3].includes([0, 1, 4, 5, 0, 2, 1, 4, 0, 1, 5, 3][i % 12]) ? 6 : i % 3], gates: [1] } }),
)

test('a caption counts the experts that woke, and quotes the words of the most particular one', () => {
  assert.equal(usageCaption(TEXT), [
    '4 of 8 experts woke; 2 of them did half of the work',
    'this word woke layer 0\'s mlp expert 6: "mg"',
  ])
})

test('a caption has no line break or punctuation as the discovery', () => {
  const text = routedText('text', MODEL, [...TEXT.tokens], (i) => ({
    mlp: { ids: [TEXT.tokens[i] === 3 ? 6 : Math.floor(i / 12) % 3], gates: [1] },
  }))
  assert.is(usageCaption(text).length, 1)
})

test('the caption of two texts names the expert that separates them, if one clearly does', () => {
  const wakes = (name: string, expert: number) => {
    return routedText(name, MODEL, [...TEXT.tokens], (i) => ({ mlp: { ids: [i % 10 === 0 ? 0 : expert], gates: [1] } }))
  }
  assert.equal(specialistSentence([wakes('prose.txt', 3), wakes('code.js', 1)]), [
    'layer 0’s MLP expert 1 wakes for 90 % of code.js, 0 % elsewhere',
  ])
  assert.equal(specialistSentence([wakes('prose.txt', 3), wakes('code.js', 3)]), [])
})

test('a caption gives the name of the expert that an atlas has', () => {
  const unnamed = { tokens: [], texts: [] }
  const entries = { mlp: [[...Array(6).fill(unnamed), { ...unnamed, name: 'doses\x1b' }, unnamed]] }
  assert.is(
    usageCaption(TEXT, { entries } as unknown as Atlas)[1],
    'this word woke layer 0\'s mlp expert 6 (doses\\x1b): "mg"',
  )
})

test.run()
