import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Tool } from '#molm/api/chat-options.js'
import type { ToolCall } from '#molm/api/text.js'
import { canRun, LONGEST_RESULT, type RunCallsOptions, runCall } from '#molm/engine/session/run-calls.js'
import { thrownBy } from '../../support/rejects.js'

const test = suite('calls of tools')

const call = (name: string, args: Record<string, unknown> = {}, id = `call_${name}`): ToolCall => {
  return { id, name, arguments: args }
}

/** The messages with the results of calls that run one after the other. */
async function messagesOf(calls: ToolCall[], tools: Tool[], options?: RunCallsOptions) {
  const messages = []
  for (const one of calls) messages.push((await runCall(one, tools, options)).message)
  return messages
}

async function resultOf(run: Tool['run'], args: Record<string, unknown> = {}): Promise<string> {
  const { message } = await runCall(call('tool', args), [{ name: 'tool', run }])
  assert.equal([message.role, message.toolCallId, message.name], ['tool', 'call_tool', 'tool'])
  return message.content
}

test('run with their arguments and ids, and give a message each', async () => {
  const seen: unknown[] = []
  const tools: Tool[] = ['a', 'b'].map((name) => ({
    name,
    run: async (args, { id }) => {
      seen.push([name, args, id])
      await new Promise((done) => setTimeout(done, name === 'a' ? 10 : 0))
      return name.toUpperCase()
    },
  }))
  const messages = await messagesOf([call('a', { x: 1 }), call('b'), call('a', {}, 'again')], tools)
  assert.equal(seen, [
    ['a', { x: 1 }, 'call_a'],
    ['b', {}, 'call_b'],
    ['a', {}, 'again'],
  ])
  assert.equal(messages, [
    { role: 'tool', content: 'A', toolCallId: 'call_a', name: 'a' },
    { role: 'tool', content: 'B', toolCallId: 'call_b', name: 'b' },
    { role: 'tool', content: 'A', toolCallId: 'again', name: 'a' },
  ])
})

test('give text as it is, and other values as JSON', async () => {
  const round: Record<string, unknown> = {}
  round.self = round
  const cases: [value: unknown, content: string | RegExp][] = [
    ['21 "degrees"\n', '21 "degrees"\n'],
    ['', ''],
    [{ degrees: 21 }, '{"degrees":21}'],
    [null, 'null'],
    [undefined, 'null'],
    [() => 1, 'null'],
    [1n, /^Error: .*BigInt/],
    [round, /^Error: .*circular/],
  ]
  for (const [value, content] of cases) {
    const given = await resultOf(() => value)
    if (typeof content === 'string') assert.is(given, content)
    else assert.match(given, content)
  }
})

test('that fail give the error to the model', async () => {
  const throwing = (error: unknown) =>
    resultOf(() => {
      throw error
    })
  assert.is(await throwing(new Error('no such city')), 'Error: no such city')
  const error = new Error('a broken pipe')
  const failing = { name: 'tool', run: () => Promise.reject(error) }
  assert.is((await runCall(call('tool'), [failing])).error, error, 'the caller sees what the tool threw')
  assert.is(await resultOf(async () => Promise.reject(new TypeError('no number'))), 'Error: no number')
  assert.is(await throwing('a text'), 'Error: a text')
  assert.is(await throwing(new Error('')), 'Error: Error')
  assert.ok((await throwing(new Error('e'.repeat(1e6)))).length < 3000)
})

test('that give a megabyte are cut, between two characters', async () => {
  const content = await resultOf(() => 'a'.repeat(2 ** 20))
  assert.is(content, `${'a'.repeat(LONGEST_RESULT)}\n[cut: the first ${LONGEST_RESULT} of ${2 ** 20} characters]`)
  assert.ok((await resultOf(() => ['b'.repeat(2 ** 20)])).length < LONGEST_RESULT + 100)
  const emoji = await resultOf(() => `a${'\u{1f600}'.repeat(LONGEST_RESULT)}`)
  assert.is(Buffer.from(emoji).toString(), emoji)
  assert.is((await resultOf(() => 'a'.repeat(LONGEST_RESULT))).length, LONGEST_RESULT)
})

test('of unknown tools and of tools without `run` name the tools that there are', async () => {
  const tools: Tool[] = [{ name: 'add', run: () => 3 }, { name: 'ask' }]
  const messages = await messagesOf([call('sub'), call('ask')], tools)
  assert.equal(
    messages.map(({ content }) => content),
    ['Error: there is no tool sub; the tools are add', 'Error: there is no tool ask; the tools are add'],
  )
  assert.ok(canRun([call('add'), call('sub')], tools))
  assert.not(canRun([call('add'), call('ask')], tools))
})

test('run only if they are allowed, and the model reads the reason', async () => {
  const ran: string[] = []
  const tools: Tool[] = [{ name: 'rm', run: ({ path }) => ran.push(String(path)) }]
  const answers: Record<string, boolean | string> = { a: true, b: false, c: 'not this one' }
  const allow = async ({ arguments: { path } }: ToolCall) => answers[String(path)]
  const calls = ['a', 'b', 'c'].map((path) => call('rm', { path }))
  const messages = await messagesOf(calls, tools, { allow })
  assert.equal(ran, ['a'])
  assert.equal(
    messages.map(({ content }) => content),
    ['1', 'Error: the user declined this call', 'Error: the user declined this call: not this one'],
  )
})

test('that hang, or wait for a permission, end with an abort and its reason', async () => {
  const reason = new Error('enough')
  const forever = () => new Promise<never>(() => undefined)
  for (const options of [{}, { allow: forever }]) {
    const abort = new AbortController()
    let wasAborted = false
    const run: Tool['run'] = (_, { signal }) => {
      signal?.addEventListener('abort', () => (wasAborted = true))
      return forever()
    }
    setTimeout(() => abort.abort(reason), 10)
    const rejected = thrownBy(runCall(call('wait'), [{ name: 'wait', run }], { ...options, signal: abort.signal }))
    assert.is(await rejected, reason)
    assert.is(wasAborted, !('allow' in options))
    assert.is(await thrownBy(runCall(call('wait'), [], { signal: abort.signal })), reason)
  }
})

test.run()
