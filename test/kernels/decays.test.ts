import { suite } from 'uvu'
import { Decays } from '#molm/kernels/calls/recurrence.js'
import type { Bank } from '#molm/kernels/memory/bank.js'
import { isNear } from '../support/compare.js'
import { floatsOf, type Outcome, place, placeRows, sameOnTiers } from '../support/kernel-bench.js'
import { normalFloats } from '../support/random.js'

const test = suite('decays of states that forget row by row')

interface Case {
  heads: number
  keySize: number
  tokens: number
  /** 0: none. */
  bound: number
}

const widthOf = ({ heads, keySize }: Case): number => heads * keySize
/** Products from far below to far above 0. */
const productsOf = (c: Case): Float32Array => normalFloats(c.tokens * widthOf(c), 84, 12)
const biasesOf = (c: Case): Float32Array => normalFloats(widthOf(c), 85, 2)
const ratesOf = ({ heads }: Case): Float32Array => normalFloats(heads, 86).map((x) => -Math.exp(x))

function prepare(bank: Bank, c: Case): (threads: number) => Outcome {
  return (threads) => {
    const rows = placeRows(bank, productsOf(c), widthOf(c))
    new Decays(bank, rows, c.heads, c.bound, threads).run(c.tokens, place(bank, ratesOf(c)), place(bank, biasesOf(c)))
    return { output: floatsOf(rows), records: new Uint8Array() }
  }
}

function check(c: Case): void {
  const { output } = sameOnTiers((bank) => prepare(bank, c), [1, 2, 8], widthOf(c))
  const [products, biases, rates] = [productsOf(c), biasesOf(c), ratesOf(c)]
  const stride = output.length / c.tokens
  for (let t = 0; t < c.tokens; t++) {
    const expected = Float64Array.from({ length: widthOf(c) }, (_, i) => {
      const x = products[t * widthOf(c) + i] + biases[i]
      const rate = rates[Math.floor(i / c.keySize)]
      return Math.exp(c.bound ? c.bound / (1 + Math.exp(rate * x)) : rate * Math.log1p(Math.exp(x)))
    })
    isNear(output.subarray(t * stride, t * stride + widthOf(c)), expected, 1e-6, `token ${t}`)
  }
}

for (const bound of [0, -5, -0.5]) {
  test(bound === 0 ? 'without a bound' : `with a least logarithm of ${bound}`, () => {
    for (const [heads, keySize] of [
      [1, 1],
      [3, 6],
      [2, 16],
      [4, 33],
      [8, 128],
    ]) {
      check({ heads, keySize, tokens: 5, bound })
    }
  })
}

test.run()
