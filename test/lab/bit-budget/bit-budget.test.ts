import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type BudgetedExpert, EXPERT_FORMATS, planBits } from '#molm/lab/bit-budget/bit-budget.js'

/** Experts of one size, whose importance spans three decades. */
const EXPERTS: BudgetedExpert[] = Array.from({ length: 24 }, (_, i) => ({
  weights: 4096,
  importance: 1.35 ** ((i * 7) % 24),
}))

const bitsOf = (format: string) => EXPERT_FORMATS.find((known) => known.format === format)?.bits ?? 0

test('the mean bits of a plan come close to the budget, and never exceed it', () => {
  for (let bits = 2.5; bits <= 8.5; bits += 0.05) {
    const plan = planBits(EXPERTS, bits)
    const mean = plan.formats.reduce((sum, format) => sum + bitsOf(format), 0) / EXPERTS.length
    assert.ok(Math.abs(mean - plan.bits) < 1e-9)
    assert.ok(mean <= bits + 1e-9 && mean > bits - 3.5 / EXPERTS.length - 1e-9, `${mean} of ${bits}`)
  }
})

test('a more important expert never gets fewer bits', () => {
  for (const bits of [2.8, 3.3, 4, 4.5, 6]) {
    const { formats } = planBits(EXPERTS, bits)
    const ranked = EXPERTS.map(({ importance }, i) => [importance, bitsOf(formats[i])]).sort((a, b) => a[0] - b[0])
    const given = ranked.map(([, bits]) => bits)
    assert.equal(
      given,
      given.toSorted((a, b) => a - b),
    )
  }
})

test('q2 serves only budgets below 3.5 bits', () => {
  const used = (bits: number) => [...new Set(planBits(EXPERTS, bits).formats)]
  assert.equal(used(2.5), ['q2'])
  assert.ok(used(3.4).includes('q2'))
  assert.equal(used(3.5), ['q3'])
  assert.not.ok(used(3.6).includes('q2'))
  assert.equal(used(8.5), ['q8'])
})

test('a plan has less error than one format for all at the same bits', () => {
  const total = EXPERTS.reduce((sum, { importance }) => sum + importance, 0)
  for (const { bits, error } of EXPERT_FORMATS.slice(2, 4)) {
    assert.ok(planBits(EXPERTS, bits).error < 0.9 * total * error)
  }
})

test('experts of different sizes compete by error saved per bit', () => {
  const experts = [1024, 8192].map((weights) => ({ weights, importance: 1 }))
  assert.equal(planBits(experts, 3.7).formats, ['q4m', 'q3'])
})

test('budgets without a mixture are refused', () => {
  for (const bits of [2.4, 8.6, Number.NaN]) assert.throws(() => planBits(EXPERTS, bits), /from 2\.5 to 8\.5/)
})

test.run()
