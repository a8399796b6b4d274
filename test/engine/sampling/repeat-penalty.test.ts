import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { penaliseRepeats } from '#molm/engine/sampling/sample.js'

test('divides positive logits and multiplies negative ones, only of the ids seen', () => {
  const logits = Float32Array.of(3, -3, 3, -3, 0)
  const penalised = logits.slice()
  penaliseRepeats(logits, penalised, [0, 1, 4], 1.5)
  assert.equal(Array.from(penalised), [2, -4.5, 3, -3, 0])
})

test('penalises once a token that occurs several times', () => {
  const logits = Float32Array.of(4, -4)
  const penalised = logits.slice()
  penaliseRepeats(logits, penalised, [0, 1, 0, 0, 1], 2)
  assert.equal(Array.from(penalised), [2, -8])
})

test('below 1 makes repetition likelier', () => {
  const logits = Float32Array.of(4, -4)
  const penalised = logits.slice()
  penaliseRepeats(logits, penalised, [0, 1], 0.5)
  assert.equal(Array.from(penalised), [8, -2])
})

test('skips ids outside the vocabulary', () => {
  const logits = Float32Array.of(4, -4)
  const penalised = logits.slice()
  penaliseRepeats(logits, penalised, [7, 1], 2)
  assert.equal(Array.from(penalised), [4, -8])
})

test.run()
