import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { wokenBy } from '#molm/experts/woken-by.js'

const PLACE = { kind: 'mlp', layer: 0, expert: 3 } as const

/** Tokens of a text; those in capitals choose the expert. */
function tokens(text: string) {
  return text.split('|').map((word) => {
    const isChosen = word !== word.toLowerCase()
    const routes = [{ mlp: { ids: Int32Array.of(isChosen ? 3 : 1), gates: Float32Array.of(0.5) } }]
    return { text: word.toLowerCase(), routes }
  })
}

function words(text: string): string[] {
  return wokenBy(tokens(text), PLACE).map(({ text }) => text)
}

test('words that choose an expert come first if they always do, and do it often', () => {
  assert.equal(words(' SHIP| a| the| SHIP| MG| is| a| SHIP| the| A'), ['ship', 'mg'])
  const [first] = wokenBy(tokens(' SHIP| a| the| SHIP'), PLACE)
  assert.equal(first, { text: 'ship', count: 2, lift: (2 + 0.5) / 3 / 0.5 })
})

test('a word that chose the expert no more often than others is left out, and so are blanks', () => {
  assert.equal(words(' A| a| b| B'), [])
  assert.equal(words(' A| B| C'), [])
  assert.equal(words('\n| a'), [])
  assert.equal(wokenBy([], PLACE), [])
})

test('a layer without experts of the kind is woken by nothing', () => {
  assert.equal(wokenBy([{ text: 'a', routes: [{}] }], PLACE), [])
})

test.run()
