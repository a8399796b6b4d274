import { suite } from 'uvu'
import { CompressedHeads } from '#molm/kernels/calls/head-transform.js'
import type { Bank } from '#molm/kernels/memory/bank.js'
import { padded } from '#molm/kernels/memory/formats.js'
import { inOneRow, isNear } from '../support/compare.js'
import { emptyRows, floatsOf, type Outcome, place, placeRows, sameOnTiers } from '../support/kernel-bench.js'
import { normalFloats } from '../support/random.js'

const test = suite('heads of compressed convolutional attention')

interface Case {
  heads: number
  keyValueHeads: number
  headSize: number
  terms: number
  tokens: number
}

const projectedWidth = ({ heads, keyValueHeads, headSize }: Case) => (heads + keyValueHeads) * padded(headSize)
const halfWidth = ({ keyValueHeads, headSize }: Case) => padded((keyValueHeads * headSize) / 2)
const lateWidth = (c: Case) => 2 * halfWidth(c) + c.terms * projectedWidth(c)
const projectedOf = (c: Case) => normalFloats(c.tokens * projectedWidth(c), 91, 2)
const lateOf = (c: Case) => normalFloats(c.tokens * lateWidth(c), 92)
const factorsOf = ({ keyValueHeads }: Case) => normalFloats(keyValueHeads, 93)

function prepare(bank: Bank, c: Case): (threads: number) => Outcome {
  const { heads, keyValueHeads, headSize, tokens } = c
  return (threads) => {
    const projected = placeRows(bank, projectedOf(c), projectedWidth(c))
    const late = placeRows(bank, lateOf(c), lateWidth(c))
    const queries = emptyRows(bank, tokens, heads * headSize)
    const [keys, values] = [0, 1].map(() => emptyRows(bank, tokens, keyValueHeads * headSize))
    const factors = place(bank, factorsOf(c))
    new CompressedHeads(bank, { ...c, projected, late, queries, keys, values }, threads).run(tokens, factors)
    const output = Float32Array.from(inOneRow([queries, keys, values].map(floatsOf)))
    return { output, records: new Uint8Array() }
  }
}

/** Queries, keys and values of a token in double precision. */
function reference(c: Case, t: number): number[][] {
  const { heads: H, keyValueHeads: K, headSize: n, terms } = c
  const [size, half] = [padded(n), (K * n) / 2]
  const channels = Array.from({ length: n }, (_, i) => i)
  const rows = projectedOf(c)
  const projected = (head: number, i: number) => rows[t * projectedWidth(c) + head * size + i]
  const late = lateOf(c).subarray(t * lateWidth(c), (t + 1) * lateWidth(c))
  const summed = (head: number, i: number) => {
    let sum = 0
    for (let term = 0; term < terms; term++) sum += late[2 * halfWidth(c) + (head * terms + term) * size + i]
    return sum
  }
  const scaled = (head: number[], factor: number) => {
    const length = Math.sqrt(head.reduce((sum, value) => sum + value * value, 0))
    return head.map((value) => ((value * Math.sqrt(n)) / length) * factor)
  }
  const mean = (head: number, i: number) => (projected(head, i) + projected(H + Math.floor((head * K) / H), i)) / 2
  const queries = Array.from({ length: H }, (_, h) =>
    scaled(
      channels.map((i) => mean(h, i) + summed(h, i)),
      1,
    ),
  )
  const keys = Array.from({ length: K }, (_, j) => {
    const group = Array.from({ length: H / K }, (_, g) => (j * H) / K + g)
    const means = channels.map((i) => group.reduce((sum, h) => sum + mean(h, i), 0) / group.length)
    return scaled(
      means.map((value, i) => value + summed(H + j, i)),
      factorsOf(c)[j],
    )
  })
  const values = [...late.subarray(0, half), ...late.subarray(halfWidth(c), halfWidth(c) + half)]
  return [queries.flat(), keys.flat(), values]
}

test('heads of any size and number, with one term or several', () => {
  for (const [heads, keyValueHeads, headSize] of [
    [1, 1, 2],
    [3, 1, 6],
    [4, 2, 12],
    [6, 3, 32],
    [8, 2, 128],
    [5, 5, 34],
  ]) {
    for (const terms of [1, 2, 3]) {
      const c = { heads, keyValueHeads, headSize, terms, tokens: 9 }
      const { output } = sameOnTiers((bank) => prepare(bank, c), [1, 2, 8], headSize)
      const expected = Array.from({ length: c.tokens }, (_, t) => reference(c, t))
      let at = 0
      for (const [part, columns] of [heads, keyValueHeads, keyValueHeads].map((n) => n * headSize).entries()) {
        for (let t = 0; t < c.tokens; t++, at += padded(columns)) {
          isNear(output.subarray(at, at + columns), expected[t][part], 2e-5, `${part} of token ${t}`)
        }
      }
    }
  }
})

test('a head of zeros stays one', () => {
  const c = { heads: 2, keyValueHeads: 1, headSize: 6, terms: 1, tokens: 1 }
  const { output } = sameOnTiers(
    (bank) => (threads) => {
      const projected = emptyRows(bank, 1, projectedWidth(c))
      const late = emptyRows(bank, 1, lateWidth(c))
      const queries = emptyRows(bank, 1, 12)
      const [keys, values] = [0, 1].map(() => emptyRows(bank, 1, 6))
      for (const rows of [projected, late]) rows.row(0).fill(0)
      new CompressedHeads(bank, { ...c, projected, late, queries, keys, values }, threads).run(
        1,
        place(bank, factorsOf(c)),
      )
      return { output: Float32Array.from(inOneRow([queries.row(0), keys.row(0)])), records: new Uint8Array() }
    },
    [1],
    6,
  )
  isNear(output, new Float64Array(18), 0, 'zeros')
})

test.run()
