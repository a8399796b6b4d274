import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { UsageError } from '#molm/errors.js'
import { checkSampling, DEFAULT_SAMPLING } from '#molm/sampling/options.js'

function refusal(options: object): string {
  try {
    checkSampling(options)
  } catch (error) {
    assert.instance(error, UsageError)
    return (error as UsageError).message
  }
  return assert.unreachable(`accepted ${JSON.stringify(options)}`) as never
}

test('names the option as it is written on the command line, and what it must be', () => {
  assert.is(refusal({ topP: 2 }), '--top-p must be between 0 and 1, not 2')
  assert.match(refusal({ temperature: -0.1 }), /^--temperature must be .*, not -0.1$/)
  assert.match(refusal({ topK: 1.5 }), /^--top-k must be an integer/)
  assert.match(refusal({ topK: -1 }), /^--top-k /)
  assert.match(refusal({ minP: 1.01 }), /^--min-p must be between 0 and 1/)
  assert.match(refusal({ repeatPenalty: 0 }), /^--repeat-penalty must be a number above 0/)
  assert.match(refusal({ seed: -1 }), /^--seed must be an integer/)
  assert.match(refusal({ seed: 2 ** 53 }), /^--seed /)
})

test('refuses what is not a finite number', () => {
  for (const name of ['temperature', 'topK', 'topP', 'minP', 'repeatPenalty', 'seed']) {
    for (const value of [Number.NaN, Infinity, -Infinity, '1', null, true]) refusal({ [name]: value })
  }
})

test('accepts the ends of every range, the defaults, and options left out', () => {
  checkSampling({ temperature: 0, topK: 0, topP: 0, minP: 0, repeatPenalty: 1e-9, seed: 0 })
  checkSampling({ temperature: 100, topK: 1e6, topP: 1, minP: 1, repeatPenalty: 10, seed: Number.MAX_SAFE_INTEGER })
  checkSampling(DEFAULT_SAMPLING)
  checkSampling({ topP: undefined })
})

test.run()
