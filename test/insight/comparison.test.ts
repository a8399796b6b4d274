import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { findSpecialists, preference } from '#molm/insight/usage/comparison.js'
import { tokensCsv, usageCsv } from '#molm/lab/commands/experts/csv.js'
import { codeOf, proseOf } from '../support/prose-and-code.js'
import { routesOf } from '../support/routes.js'

const [prose, code] = [proseOf(), codeOf()]
const lines = (pieces: Iterable<string>) => [...pieces].join('').trimEnd().split('\n')

test('a token has the routes that it was added with, for all layers and for one', () => {
  assert.equal([...routesOf(prose.at(2)[0], 'mlp').ids], [1])
  assert.equal([...routesOf(prose.at(1)[0], 'attention').gates], [0.5])
  assert.equal(prose.chosen(2, 0, 'mlp'), routesOf(prose.at(2)[0], 'mlp'))
})

test('a text’s preference for an expert is its share minus the mean share elsewhere', () => {
  assert.is(preference([prose, code], 0, { kind: 'mlp', layer: 0, expert: 0 }), 0.75)
  assert.is(preference([prose, code], 1, { kind: 'attention', layer: 0, expert: 1 }), 0.25)
})

test('specialists come in order of preference, with the tokens of the largest gate mass', () => {
  const [first, second] = findSpecialists([proseOf(10), codeOf(10)], 2)
  assert.equal(first, {
    kind: 'mlp',
    layer: 0,
    expert: 2,
    text: 1,
    share: 1,
    elsewhere: 0,
    tokens: [{ token: 2, count: 20, gateMass: 10 }],
  })
  assert.is(second.expert, 0)
  assert.equal(
    second.tokens.map(({ token }) => token),
    [1, 0, 2],
  )
})

test('a difference that chance could make is no specialist', () => {
  assert.equal(findSpecialists([prose, code], 12), [])
  assert.equal(findSpecialists([proseOf(100), proseOf(100)], 12), [])
})

test('the CSV of tokens has a row for each token, layer and expert, quoted as needed', () => {
  const rows = lines(tokensCsv([prose, code]))
  assert.is(rows[0], 'text_name,index,token,text,layer,kind,rank,expert,gate')
  assert.is(rows[3], 'prose,1,1," ""x",0,attention,0,0,0.5')
  assert.is(rows.filter((line) => /^(prose|code),/.test(line)).length, 6 * 2)
})

test('the CSV of usage has a row for each expert, with the name of its text and at most six digits', () => {
  const rows = lines(usageCsv([prose, code]))
  assert.is(rows[0], 'text_name,layer,kind,expert,count,share,gate_mass,entropy,fairness')
  assert.is(rows.length, 1 + 2 * 5)
  assert.is(rows[3], 'prose,0,mlp,0,3,0.75,0.875,0.811278,0.533333')
})

test.run()
