import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { UserError } from '#molm/ground/errors.js'
import {
  anyOf,
  fields,
  isCount,
  isText,
  listOf,
  listOfEach,
  optional,
  valuesOf,
  whole,
} from '#molm/ground/json/forms.js'
import { MOST_JSON_VALUES, parseJsonObject, parsePythonObject } from '#molm/ground/json/json.js'
import { JsonReader, nameOf } from '#molm/ground/json/reader.js'
import { rejectsWithUserError } from '../support/rejects.js'

const bytes = (text: string) => new TextEncoder().encode(text)

test('an object is read, whatever its strings contain', () => {
  const value = { a: [1, 2, { b: ',,,[[[{{{"\\' }], c: null }
  assert.equal(parseJsonObject(bytes(JSON.stringify(value)), 'x', 7), value)
})

test('words of Python for numbers that JSON lacks become objects, but in strings they stay', () => {
  const text = '{"a":[0.0, Infinity,-Infinity,NaN], "b\\"Infinity": "NaN \\\\"}'
  const [infinity, minus, none] = ['Infinity', '-Infinity', 'NaN'].map((__float__) => ({ __float__ }))
  assert.equal(parsePythonObject(bytes(text), 'x'), { a: [0, infinity, minus, none], 'b"Infinity': 'NaN \\' })
})

test('JSON with too many values is refused before it is parsed', async () => {
  const lists = (count: number) => bytes(`{"a":[${new Array(count).fill('{}').join(',')}]}`)
  assert.is((parseJsonObject(lists(1000), 'x').a as unknown[]).length, 1000)
  await rejectsWithUserError(() => parseJsonObject(lists(1000), 'x', 1000), /^x: too large, more than 1000 values/)
  await rejectsWithUserError(() => parseJsonObject(lists(MOST_JSON_VALUES), 'x'), /too large/)
  const keys = Array.from({ length: 2 ** 19 + 1 }, (_, i) => `"${i}":0`).join(',')
  await rejectsWithUserError(() => parseJsonObject(bytes(`{${keys}}`), 'x'), /^x: too large, more than 524288 keys/)
})

test('a form takes the values that it names, and no others', () => {
  const forms = [
    { form: isCount, right: [0, 2 ** 53 - 1], wrong: [-1, 0.5, 2 ** 53, '0', null] },
    { form: whole(1, 2), right: [1, 2], wrong: [0, 3, Number.NaN] },
    { form: anyOf(isText, isCount), right: ['', 0], wrong: [null, []] },
    {
      form: listOf(isText, { least: 1, most: 2 }),
      right: [['a'], ['a', 'b']],
      wrong: [[], ['a', 1], ['a', 'b', 'c'], 'a'],
    },
    { form: listOfEach<unknown>([isText, isCount]), right: [['a', 1]], wrong: [['a'], [1, 'a'], ['a', 1, 2]] },
    { form: valuesOf(isText), right: [{}, { a: 'b' }], wrong: [{ a: 1 }, ['a'], null] },
    {
      form: fields({ a: isText, b: optional(isCount) }),
      right: [
        { a: '', c: 1 },
        { a: 'x', b: 1 },
      ],
      wrong: [{}, { a: '', b: null }, []],
    },
  ]
  for (const [i, { form, right, wrong }] of forms.entries()) {
    for (const value of right) assert.ok(form(value), `${i}: ${JSON.stringify(value)}`)
    for (const value of wrong) assert.not.ok(form(value), `${i}: ${JSON.stringify(value)}`)
  }
})

test('a reader names the place that is wrong', async () => {
  const at = new JsonReader(
    { list: [{ a: 1, '\u001b': 0 }], none: null },
    (path, what) => new UserError(`${nameOf(path)} ${what}`),
  )
  const [first] = at.in('list').items('a list')
  assert.is(first.in('a').as(isCount, 'a count'), 1)
  await rejectsWithUserError(() => first.in('a').as(isText, 'a text'), /^list\[0\]\.a must be a text$/)
  await rejectsWithUserError(() => first.in('a').in('b'), /^list\[0\]\.a must be an object$/)
  await rejectsWithUserError(() => at.in('none').given(isText, 'a text'), /^none is missing$/)
  await rejectsWithUserError(
    () => at.in('list').items('an empty list', ({ length }) => length === 0),
    /^list must be an/,
  )
  await rejectsWithUserError(() => first.refuseUnknown(['a']), /^list\[0\]\.\\x1b is not supported$/)
})

test.run()
