import * as assert from 'uvu/assert'
import { assertAllRefused, assertRefused, molm, parseLines, TINY } from './molm.js'
import { MCP, SUM, thoughtsSuite } from './thinking-parrot.js'

const test = thoughtsSuite()

test('only the content goes to stdout, and thoughts to stderr if they are asked for', async ({ parrot }) => {
  const plain = await molm([...parrot, 'Hi'])
  assert.equal([plain.code, plain.stdout, plain.stderr], [0, 'Hello! How are you?\n', ''])
  const shown = await molm([...parrot, '--show-thinking', 'Hi'])
  assert.equal([shown.stdout, shown.stderr], ['Hello! How are you?\n', 'A greeting, so I greet.\n'])
  assertRefused(await molm([...parrot, '--show-thinking', '--json', 'Hi']), 2, /JSON has thoughts as reasoning_content/)
})

test('--jsonl has the part of each token', async ({ parrot }) => {
  const lines = parseLines((await molm([...parrot, '--jsonl', 'Hi'])).stdout).slice(0, -1)
  const textOf = (kind: string) => lines.map((line) => (line.kind === kind ? line.text : '')).join('')
  assert.equal([textOf('thinking'), textOf('content')], ['A greeting, so I greet.', 'Hello! How are you?'])
})

test('a budget ends the thoughts, and a note says that an answer ended within them', async ({ parrot }) => {
  const { code, stdout } = await molm([...parrot, '--think-budget', '4', '--json', 'Hi'])
  assert.is(code, 0)
  const whole = JSON.parse(stdout)
  assert.equal([whole.text, whole.reasoning_content], ['Hello! How are you?', 'A greeting, so'])
  assert.not('messages' in whole)
  const cut = await molm([...parrot, '-n', '5', 'Hi'])
  assert.equal([cut.code, cut.stdout], [0, ''])
  assert.match(cut.stderr, /^molm: the model was still thinking when the answer ended, at the limit of 5 tokens; /)
})

test('a model without thoughts says so', async () => {
  const { code, stderr } = await molm(['run', '-m', TINY, '-t', '1', '--think', 'on', '-n', '1', 'Hi'])
  assert.is(code, 0)
  assert.is(stderr, 'molm: 01-base-bin-f32 does not think: --think has no effect\n')
})

test('lines of a batch with tools are answered with calls', async ({ parrot }) => {
  const line = { prompt: SUM, tools: [{ name: 'add', parameters: { properties: { a: {}, b: {} } } }] }
  const { code, stdout, stderr } = await molm([...parrot, '--batch', '-'], { stdin: JSON.stringify(line) })
  assert.is(code, 0, stderr)
  const { text, reasoning_content, tool_calls } = JSON.parse(stdout)
  assert.equal([text, reasoning_content], ['Let me see.', 'The tool knows.'])
  assert.is(tool_calls.length, 1)
  assert.equal(tool_calls[0].function, { name: 'add', arguments: '{"a":2,"b":3}' })
})

test('tools of an MCP server run if they are listed, until an answer calls none', async ({ parrot }) => {
  const { code, stdout, stderr } = await molm([...parrot, ...MCP, '--yes', 'add', SUM])
  assert.equal([code, stdout], [0, 'Let me see.\nIt is 5.\n'])
  assert.is(stderr, 'molm: calls add {"a":2,"b":3}\nmolm: add: 5\n')
})

test('a model that cannot use tools is refused before an MCP server starts', async () => {
  const message =
    /^molm: 01-base-bin-f32 cannot use tools: it has no chat template; models of .* can: molm pull NAME\n$/
  for (const json of [[], ['--json']]) {
    assertRefused(await molm(['run', '-m', TINY, '-t', '1', ...json, '--mcp', 'no-such-command', SUM]), 1, message)
  }
})

test('options that tools do not go with are refused', async ({ parrot }) => {
  const mcp = [...parrot, '--mcp', 'server']
  await assertAllRefused(mcp, [
    ['--raw x', /--raw continues a text as is; it takes no --mcp/],
    ['--batch -', /--batch runs no tools/],
    ['--trace x.csv x', /--trace is for one answer/],
  ])
})

test.run()
