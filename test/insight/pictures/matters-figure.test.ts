import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { MatteringExpert, Matters } from '#molm/index.js'
import { drawMatters } from '#molm/insight/pictures/kinds/matters-figure.js'
import { renderText } from '#molm/insight/pictures/text/text.js'

const ANSWER = 'The opposite of hot is cold.'
const HOT = 'The opposite of hot is hot.'

const expertOf = (layer: number, expert: number, logprobChange: number, answer = ANSWER): MatteringExpert => {
  return { layer, kind: 'mlp', expert, logprobChange, changes: answer !== ANSWER, answer }
}

function mattersOf(experts: MatteringExpert[], group?: Matters['group']): Matters {
  const config = { mixtures: [{ kind: 'mlp', experts: [24, 24, 24, 24, 24, 24], topK: 4 }] } as const
  const model = { name: 'nano', quant: 'q4', config, textOf: String } as unknown as Matters['model']
  const found = { prompt: [1], tokens: [2], answer: ANSWER, logprob: -0.1, experts, tried: experts.length, of: 151 }
  return { model, ...found, ...(group && { group }) }
}

test('the experts that change the answer are listed with what it says without them, then a few others', () => {
  const others = Array.from({ length: 20 }, (_, i) => expertOf(0, i, -i / 10))
  const text = renderText(
    drawMatters(mattersOf([expertOf(5, 13, -9.3, HOT), ...others]), { question: 'Is hot cold?\n' }),
  )
  assert.is(
    text,
    `Experts that matter for “The opposite of hot is cold.”, in nano (q4)
asked: “Is hot cold?”
without layer 5’s MLP expert 13: “hot” for “cold” (log p −9.3)
21 of the 151 woken experts were left out, one at a time; 1 changes the answer

Without
  expert           log p  the answer then says
  layer 5, MLP 13  −9.3   “hot” for “cold”  The opposite of hot is hot.
  layer 0, MLP 0   +0.0   the same words
  layer 0, MLP 1   −0.1   the same words
  layer 0, MLP 2   −0.2   the same words
  layer 0, MLP 3   −0.3   the same words
  layer 0, MLP 4   −0.4   the same words

log p: 0 · ░ ▒ ▓ █ −9.3
blank not tried

Fall of the answer’s log p without each expert
       mlp
layer  0       4       8       12      16      20
    0  · ░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░
    1
    2
    3
    4
    5                            ██
`,
  )
})

test('a group that changes the answer is named as such', () => {
  const experts = [expertOf(4, 1, -0.5), expertOf(3, 2, -0.4)]
  const group = { experts, logprobChange: -3, changes: true, answer: HOT }
  const sentence = (group?: Matters['group']) => renderText(drawMatters(mattersOf(experts, group))).split('\n')[1]
  assert.is(
    sentence(group),
    'no expert changes the answer alone; without layer 4’s MLP expert 1 and layer 3’s MLP expert 2: “hot” for “cold” (log p −3.0)',
  )
  assert.is(sentence(), 'no expert changes the answer alone, and the strongest do not together')
})

test.run()
