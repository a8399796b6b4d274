import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { CellCounts, Cells, labelExpert } from '#molm/lab/atlas/atlas-labels.js'
import { CLASSES, classOf } from '#molm/lab/atlas/atlas-words.js'

const WORDS = ['7', 'the', 'Lamp', 'Sea', 'Rock', 'Bird', 'Hand', 'Road']
const TOKENS = 4000

/** Labels of an expert that some words choose in the first half, and some in the second. */
function labelsOf(first: readonly number[], second: readonly number[]) {
  const cells = new Cells({ words: WORDS, kinds: ['prose'] })
  const words = Array.from({ length: TOKENS }, (_, i) => i % WORDS.length)
  const classes = words.map((word) => CLASSES.indexOf(classOf(WORDS[word])))
  const ofCells = cells.of({ words, classes, kinds: words.map(() => 0) })
  const counts = [first, second].map((chosenBy) => {
    const chosen = Int32Array.from(words, (word) => Number(!chosenBy.includes(word)))
    return new CellCounts(cells, ofCells, chosen, 2)
  })
  return labelExpert(cells, counts, 0)
}

test('an expert has a label for each kind of token that it takes, with the share that it adds', () => {
  assert.equal(labelsOf([0, 1], [0, 1]), [
    { text: '“7”', share: 0.5, lift: 4 },
    { text: '“the”', share: 0.5, lift: 4 },
  ])
})

test('labels end before one that the second half does not confirm', () => {
  assert.equal(labelsOf([0, 1], [0, 5]), [{ text: '“7”', share: 0.5, lift: 4 }])
  assert.equal(labelsOf([0, 1], [4, 5]), [])
})

test.run()
