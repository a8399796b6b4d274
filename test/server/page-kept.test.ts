import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  beginningOf,
  type KeptAnswer,
  type KeptBody,
  pathOf,
  readBody,
  readHead,
} from '#molm/page/answers/kept-form.js'
import { Branches } from '#molm/page/conversations/branches.js'
import { fileName, jsonOf, markdownOf, readFile } from '#molm/page/conversations/conversation-files.js'
import { rejectsWithUserError } from '../support/rejects.js'

const ANSWER: KeptAnswer = {
  model: 'nano',
  content: '',
  thinking: '',
  thought: { tokens: 0, seconds: 0 },
  calls: [],
  notation: { text: '', tokens: 0 },
  isJson: false,
  note: '',
  warnings: [],
  end: 'whole',
}

const BODY: KeptBody = {
  exchanges: [
    {
      parent: -1,
      said: [{ role: 'user', content: 'The weather?' }],
      answer: { ...ANSWER, thinking: 'I ask.', calls: [{ id: 'c1', name: 'weather', arguments: '{"city":"Bern"}' }] },
    },
    { parent: -1, said: [{ role: 'user', content: 'Another?' }], answer: { ...ANSWER, content: 'Another.' } },
    {
      parent: 0,
      said: [{ role: 'tool', tool_call_id: 'c1', content: '21 degrees' }],
      answer: { ...ANSWER, content: 'It is **warm**.' },
    },
    { parent: 2, said: [{ role: 'user', content: 'And?' }], answer: { ...ANSWER, end: 'cut' } },
  ],
  last: 3,
  settings: { system: 'Be brief.' },
}

const MESSAGES = [
  { role: 'system', content: 'Be brief.' },
  { role: 'user', content: 'The weather?' },
  {
    role: 'assistant',
    content: '',
    reasoning_content: 'I ask.',
    tool_calls: [{ id: 'c1', type: 'function', function: { name: 'weather', arguments: '{"city":"Bern"}' } }],
  },
  { role: 'tool', tool_call_id: 'c1', content: '21 degrees' },
  { role: 'assistant', content: 'It is **warm**.' },
  { role: 'user', content: 'And?' },
]

test('branches begin at any place, and each stays reachable', () => {
  const tree = new Branches<string>()
  for (const value of ['a', 'b', 'c']) tree.append(value)
  tree.endBefore('b')
  tree.append('B')
  assert.equal(tree.path, ['a', 'B'])
  assert.equal(tree.besides('B'), ['b', 'B'])
  tree.choose('b')
  assert.equal(tree.path, ['a', 'b', 'c'])
  tree.endBefore('a')
  tree.append('A')
  assert.equal(tree.path, ['A'])
  tree.takeBack('A')
  assert.equal(tree.path, [])
  tree.choose('a')
  assert.equal(tree.path, ['a', 'B'], 'the branch of the latest addition')
  tree.takeBack('a')
  assert.equal(tree.path, ['a', 'B'], 'only the latest addition can be taken back')
})

test('the exported JSON has the messages of the branch that is shown, and imports as the same', async () => {
  assert.equal(JSON.parse(jsonOf(BODY)), MESSAGES)
  const imported = await readFile(new File([jsonOf(BODY)], 'weather.json'))
  assert.equal(JSON.parse(jsonOf(imported)), MESSAGES)
  assert.equal(imported.settings, { system: 'Be brief.' })
  assert.equal(
    imported.exchanges.map(({ parent, answer }) => [parent, answer.end]),
    [
      [-1, 'whole'],
      [0, 'whole'],
      [1, 'cut'],
    ],
  )
  assert.ok(readBody(imported), 'it can be kept')
})

test('a file that is no conversation is refused with its name', async () => {
  const failed = (text: string) => rejectsWithUserError(() => readFile(new File([text], 'x.json')), /^x\.json/)
  await failed('[{"role":"usr","content":"a"}]')
  await failed('{"a":')
  await failed('[]')
})

test('the exported Markdown has headings, thoughts and calls', () => {
  const head = { id: '1', version: 1, title: 'The weather?', model: 'nano', questions: 2, changed: 0 }
  const text = markdownOf(BODY, { ...head, name: 'Bern' })
  assert.match(text, /^# Bern\n/)
  for (const part of ['Be brief.', 'The weather?', 'I ask.', '"city": "Bern"', '21 degrees', 'It is **warm**.']) {
    assert.ok(text.includes(part), part)
  }
  assert.not.match(text, /Another/)
})

test('titles are the beginning of the first question, and files are named by them', () => {
  assert.is(beginningOf(' What\n is it? '), 'What is it?')
  assert.is(beginningOf(`${'word '.repeat(30)}`), `${'word '.repeat(11)}word…`)
  assert.is(beginningOf('x'.repeat(100)), `${'x'.repeat(60)}…`)
  assert.is(fileName('What is a “lantern”? / ../x'), 'what-is-a-lantern-x')
  assert.is(fileName('灯笼是什么？'), '灯笼是什么')
  assert.is(fileName('?!'), 'conversation')
})

test('damaged records are noticed', () => {
  assert.equal(readBody(BODY), BODY)
  assert.equal(pathOf(BODY).length, 3)
  const changed = (change: (body: KeptBody) => unknown) => {
    const body = structuredClone(BODY)
    change(body)
    return readBody(body)
  }
  const wrong: ((body: KeptBody) => unknown)[] = [
    (body) => Object.assign(body, { exchanges: 'x' }),
    (body) => Object.assign(body, { last: 4 }),
    (body) => Object.assign(body.exchanges[0], { parent: 0 }),
    (body) => Object.assign(body.exchanges[1], { parent: 3 }),
    (body) => Object.assign(body.exchanges[1].said[0], { content: 1 }),
    (body) => Object.assign(body.exchanges[1].answer, { calls: [{ id: 'x' }] }),
    (body) => Object.assign(body.exchanges[1].answer, { thought: null }),
    (body) => Object.assign(body.settings, { system: 1 }),
    (body) => Object.assign(body.exchanges[0], { compared: [{ expert: '0:mlp:1' }] }),
  ]
  for (const change of wrong) assert.is(changed(change), undefined, String(change))
  for (const value of [undefined, null, 'x', [], {}]) {
    assert.is(readBody(value), undefined)
    assert.is(readHead(value), undefined)
  }
})

test.run()
