import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { MOST_JSON_VALUES, parseJsonObject } from '#molm/json.js'
import { rejectsWithUserError } from './support/rejects.js'

const bytes = (text: string) => new TextEncoder().encode(text)

test('an object is read, whatever its strings contain', () => {
  const value = { a: [1, 2, { b: ',,,[[[{{{"\\' }], c: null }
  assert.equal(parseJsonObject(bytes(JSON.stringify(value)), 'x', 7), value)
})

test('JSON with too many values is refused before it is parsed', async () => {
  const lists = (count: number) => bytes(`{"a":[${new Array(count).fill('{}').join(',')}]}`)
  assert.is((parseJsonObject(lists(1000), 'x').a as unknown[]).length, 1000)
  await rejectsWithUserError(() => parseJsonObject(lists(1000), 'x', 1000), /^x: too large, more than 1000 values/)
  await rejectsWithUserError(() => parseJsonObject(lists(MOST_JSON_VALUES), 'x'), /too large/)
  const keys = Array.from({ length: 2 ** 19 + 1 }, (_, i) => `"${i}":0`).join(',')
  await rejectsWithUserError(() => parseJsonObject(bytes(`{${keys}}`), 'x'), /^x: too large, more than 524288 keys/)
})

test.run()
