import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { inTemporaryFolder } from '../support/temporary-folder.js'
import { assertRefused, molm, parseLines } from './molm.js'

const GREEDY = ['run', '-m', 'nano', '--temperature', '0']
const PERSON = {
  type: 'object',
  properties: {
    name: { type: 'string', pattern: '^[A-Z][a-z]{2,8}$' },
    age: { type: 'integer', minimum: 0, maximum: 120 },
  },
  required: ['name', 'age'],
  additionalProperties: false,
}

test('an answer is JSON by a schema, and nothing else is printed', async () => {
  const { code, stdout, stderr } = await molm([...GREEDY, '--schema', JSON.stringify(PERSON), 'Who keeps the light?'])
  assert.is(stderr, '')
  assert.is(code, 0)
  const { name, age } = JSON.parse(stdout)
  assert.match(name, /^[A-Z][a-z]{2,8}$/)
  assert.ok(Number.isInteger(age) && age >= 0 && age <= 120)
  assert.is(stdout.trimEnd(), stdout.slice(0, -1))
})

test('an answer has the form of --regex or of --grammar', async () => {
  for (const form of [
    ['--regex', '(Yes|No) sir'],
    ['--grammar', 'root ::= ("Yes" | "No") " sir"'],
  ]) {
    assert.match((await molm([...GREEDY, ...form, 'Is a lantern a lamp?'])).stdout, /^(Yes|No) sir\n$/)
  }
})

test('an answer that is cut off within its form fails', async () => {
  const cut = [...GREEDY, '-n', '4', '--schema', JSON.stringify(PERSON)]
  const text = await molm([...cut, 'Who?'])
  assert.is(text.code, 1)
  assert.is(
    text.stderr,
    'molm: the answer was cut at the limit of 4 tokens, within its JSON; --max-tokens N allows more\n',
  )
  assert.match(text.stdout, /^\{.*\n$/)
})

test('a form excludes a beginning of the answer', async () => {
  assertRefused(await molm([...GREEDY, '--schema', '{}', '--prefill', '{', 'x']), 2, /they take no --prefill/)
})

test('each line of a batch has its own form, and a cut value sets the exit code', async () => {
  const lines = [
    { prompt: 'Is a lantern a lamp?', regex: '(yes|no)!' },
    { prompt: 'Who?', schema: PERSON },
    { prompt: 'Two?', grammar: 'root ::= [1-9] " " [1-9]' },
    { prompt: 'Two?', raw: true },
  ]
  await inTemporaryFolder(async (dir) => {
    const path = join(dir, 'in.jsonl')
    const write = (...more: object[]) =>
      writeFile(path, [...lines, ...more].map((line) => `${JSON.stringify(line)}\n`).join(''))
    await write({ prompt: 'Who?', schema: PERSON, maxTokens: 3 })
    const batch = [...GREEDY, '--batch', path, '--grammar', 'root ::= [a-c] [a-c] [a-c]']
    const done = await molm(batch)
    assert.is(done.code, 1)
    assert.match(done.stderr, /^molm: 1 answer of this run ended within the form asked for; see "finish_reason"\n$/)
    const texts = parseLines(done.stdout).map(({ text }) => text)
    assert.match(texts[0], /^(yes|no)!$/)
    assert.equal(Object.keys(JSON.parse(texts[1])), ['name', 'age'])
    assert.match(texts[2], /^[1-9] [1-9]$/)
    assert.match(texts[3], /^[a-c]{3}$/)
    assert.is(texts.length, 5)
  })
})

test.run()
