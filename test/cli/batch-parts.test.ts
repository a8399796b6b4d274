import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type BatchRequest, type Defaults, requestsOf } from '#molm/cli/commands/run/batch/request.js'
import { describeBatch } from '#molm/cli/commands/run/batch/run-batch.js'
import { UserError } from '#molm/ground/errors.js'
import { type Line, readLines } from '#molm/ground/files/lines.js'
import { ownTime } from '../support/own-time.js'

const DEFAULTS = {
  system: 'Be brief.',
  prefill: '',
  raw: false,
  experts: false,
  isConversation: true,
  args: {},
  settings: { maxTokens: 9, seed: 4 },
}

async function* chunksOf(...chunks: (string | Buffer)[]) {
  for (const chunk of chunks) yield Buffer.from(chunk)
}

async function collected<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const item of items) all.push(item)
  return all
}

async function requests(text: string, defaults: Defaults = DEFAULTS): Promise<BatchRequest[]> {
  return collected(requestsOf(readLines(chunksOf(text), 1000), defaults))
}

async function askOf(fields: object, defaults: Defaults = DEFAULTS) {
  const [{ ask }] = await requests(JSON.stringify(fields), defaults)
  assert.not.instance(ask, UserError)
  return ask as Exclude<typeof ask, UserError>
}

async function errorOf(line: string): Promise<string> {
  const [{ ask }] = await requests(line)
  assert.instance(ask, UserError)
  return (ask as UserError).message
}

test('lines may span chunks, and a line that is too long is skipped', async () => {
  const shown = ({ number, bytes, end, isWhole }: Line) => [number, bytes?.toString(), end, isWhole]
  const lines = await collected(readLines(chunksOf('a', 'b\r', '\nc\n\nlong', 'longer\n', 'd'), 4))
  assert.equal(lines.map(shown), [
    [1, 'ab', 4, true],
    [2, 'c', 6, true],
    [3, '', 7, true],
    [4, undefined, 18, true],
    [5, 'd', 19, false],
  ])
})

test('a line that is not UTF-8 or not JSON is an error of that line, and later lines are read', async () => {
  const bytes = Buffer.concat([Buffer.from('{"prompt": "'), Buffer.from([0xff]), Buffer.from('"}\n{"prompt": "b"}\n')])
  const [first, second] = await collected(requestsOf(readLines(chunksOf(bytes), 1000), DEFAULTS))
  assert.match((first.ask as UserError).message, /^line 1: .*UTF-8/)
  assert.not.instance(second.ask, UserError)
  assert.is(second.id, 2)
})

test('a byte order mark and empty lines are skipped; lines keep their numbers', async () => {
  const found = await requests('\ufeff{"prompt": "a"}\r\n  \r\n\n{"id": "x", "prompt": "b"}')
  assert.equal(
    found.flatMap(({ id, line }) => [id, line]),
    [1, 1, 'x', 4],
  )
})

test('a shard takes every n-th of the lines that are not empty, also of unreadable lines', async () => {
  const text = '\ufeff{"prompt": "a"}\n\nnonsense\n{"id": "x", "prompt": "b"}\n  \n{"prompt": "c"}\n{"prompt": "d"}\n'
  const idsOf = async (number: number, of: number) => {
    const found = await collected(requestsOf(readLines(chunksOf(text), 1000), DEFAULTS, { number, of }))
    return found.map(({ id }) => id)
  }
  assert.equal(await idsOf(1, 2), [1, 'x', 7])
  assert.equal(await idsOf(2, 2), [3, 6])
  assert.equal(await idsOf(6, 6), [])
})

test('a line has the options of the command line unless it has its own', async () => {
  const ask = await askOf({ prompt: 'a', seed: 5, stop: ['b'], system: 'Be long.' })
  assert.equal(ask.settings, { maxTokens: 9, seed: 5, stop: ['b'] })
  assert.is(ask.system, 'Be long.')
  const lined = await askOf({ prompt: 'a', max_tokens: 3, top_k: 7 })
  assert.equal(lined.settings, { maxTokens: 3, topK: 7, seed: 4 })
  assert.is((await askOf({ prompt: 'a' })).system, 'Be brief.')
})

test('a line has the thinking and the form of the command line unless it has its own', async () => {
  const defaults = { ...DEFAULTS, think: 'low', thinkBudget: 9, schema: true } as const
  const formOf = async (fields: object) => {
    const { think, thinkBudget, schema, grammar, regex } = await askOf({ prompt: 'a', ...fields }, defaults)
    return { think, thinkBudget, schema, grammar, regex }
  }
  const none = { schema: undefined, grammar: undefined, regex: undefined }
  const thinks = { think: 'low', thinkBudget: 9, ...none }
  assert.equal(await formOf({}), { ...thinks, schema: true })
  assert.equal(await formOf({ regex: 'x+' }), { ...thinks, regex: 'x+' })
  const [grammar, schema] = ['root ::= "x"', { const: 1 }]
  assert.equal(await formOf({ grammar, think: 'off' }), { ...thinks, think: 'off', grammar })
  assert.equal(await formOf({ schema, think_budget: 0 }), { ...thinks, thinkBudget: 0, schema })
  assert.equal(await formOf({ raw: true }), { ...none, think: undefined, thinkBudget: undefined, schema: true })
  const hashes = ['{"const": 1}', '{"const": 2}'].map((schema) => requests(`{"prompt": "a", "schema": ${schema}}`))
  const [[one], [other]] = await Promise.all(hashes)
  assert.not.equal(one.hash, other.hash)
})

test('a line may have tools as the server takes them', async () => {
  const weather = { name: 'weather', description: 'Now.', parameters: { type: 'object' } }
  const { tools, toolChoice, parallelToolCalls } = await askOf({
    prompt: 'a',
    tools: [{ type: 'function', function: weather }, { name: 'time' }],
    tool_choice: { type: 'function', function: { name: 'time' } },
    parallel_tool_calls: false,
  })
  assert.equal(tools, [weather, { name: 'time' }])
  assert.equal([toolChoice, parallelToolCalls], [{ name: 'time' }, false])
  assert.is((await askOf({ prompt: 'a', tools: [] })).tools, undefined)
})

test('a wrong form or thinking of a line is an error that names the field', async () => {
  for (const [fields, says] of [
    ['"think": "false"', /"think" must be one of off, on, low, medium, high/],
    ['"thinkBudget": -1', /"thinkBudget" must be a whole number from 0 on/],
    ['"schema": "x.json"', /"schema" must be a JSON Schema: an object/],
    ['"grammar": {}', /"grammar" must be a text/],
    ['"schema": {}, "regex": "x"', /give "schema" or "regex", not both/],
    ['"tools": [{"type": "function"}]', /"tools\[0\]" must be \{"type"/],
    ['"tool_choice": "any"', /"toolChoice" must be "auto", "none"/],
    ['"raw": true, "think": "on"', /"raw" continues .* takes no "think"/],
  ] as const) {
    assert.match(await errorOf(`{"prompt": "a", ${fields}}`), says)
  }
})

test('raw lines take no turns, and lines with turns are conversations even under --raw', async () => {
  const raw = await askOf({ prompt: ' ', raw: true })
  assert.equal([raw.raw, raw.system], [true, ''])
  const all = { ...DEFAULTS, system: '', isConversation: false, raw: true }
  assert.is((await askOf({ prompt: 'a' }, all)).raw, true)
  const turn = await askOf({ messages: [{ role: 'user', content: 'a' }] }, all)
  assert.equal([turn.raw, turn.isConversation], [false, true])
})

test('an error of a line names its field', async () => {
  const user = '[{"role": "user", "content": "a"}]'
  assert.match(await errorOf('{"prompt": "a", "maxTokns": 3}'), /no field "maxTokns"; did you mean "maxTokens"/)
  assert.match(await errorOf('{"prompt": "a", "max_tokens": 3, "maxTokens": 3}'), /"maxTokens" is there twice/)
  assert.match(await errorOf('{"prompt": "a", "zzz": 3}'), /no field "zzz"; there are id, prompt, messages, .*logprobs/)
  assert.match(await errorOf('{"prompt": "a", "temperature": -1}'), /`temperature` must be .* not -1/)
  assert.match(await errorOf('{"prompt": "a", "seed": null}'), /`seed` must be .* not null/)
  assert.match(await errorOf('{"prompt": 3}'), /"prompt" must be a text/)
  assert.match(await errorOf('{"id": "a"}'), /no "prompt" and no "messages"/)
  assert.match(await errorOf(`{"prompt": "a", "messages": ${user}}`), /not both/)
  assert.match(await errorOf(`{"raw": true, "messages": ${user}}`), /"raw" continues a prompt/)
  assert.match(await errorOf('{"messages": [{"role": "user"}]}'), /"messages\[0\]\.content" is missing/)
  assert.match(await errorOf('{"id": [1], "prompt": "a"}'), /"id" must be a text or a number/)
  assert.match(await errorOf('{"prompt": "  "}'), /the prompt is empty/)
  assert.match(await errorOf('[1]'), /line 1: a JSON object was expected/)
  for (const line of ['{"\u009b2J\u007f": 1}', '{"prompt": "a", "temperature": "\u009b\u202e"}']) {
    assert.not.match(await errorOf(line), /[\p{Cc}\u202e]/u)
  }
})

test('the hash of a line depends on its request, not on its id, its spelling or the order of its fields', async () => {
  const hash = async (text: string) => String((await requests(text))[0].hash)
  const one = await hash('{"prompt": "a", "max_tokens": 3}')
  assert.match(one, /^[0-9a-f]{16}$/)
  assert.is(await hash('{"maxTokens": 3, "id": "x", "prompt": "a"}'), one)
  assert.is.not(await hash('{"prompt": "b", "max_tokens": 3}'), one)
  assert.is.not(await hash('{"prompt": "a", "max_tokens": 4}'), one)
  assert.is(await hash('nonsense'), 'undefined')
})

test('a line with a very long field name, or very many fields, is refused at once', async () => {
  const refusal = async (line: string) => {
    const [{ ask }] = await collected(requestsOf(readLines(chunksOf(line), 2 ** 24), DEFAULTS))
    return (ask as UserError).message
  }
  const started = ownTime()
  assert.match(await refusal(`{"prompt": "a", "${'k'.repeat(5_000_000)}": 1}`), /^there is no field "k{40}"; there are/)
  const names = Array.from({ length: 100_000 }, (_, i) => `"k${i}": 1`)
  assert.match(await refusal(`{"prompt": "a", ${names.join()}}`), /^there is no field "k0"/)
  assert.match(await refusal('{"maxTokens": 1, "max_tokens": 2}'), /"maxTokens" is there twice, in two spellings/)
  // Comparing letter by letter, or each name with all others, would take minutes.
  assert.ok(ownTime() - started < 10_000)
})

test('progress is measured in bytes of the input, if its size is known', () => {
  assert.is(describeBatch('in.jsonl', 120, { end: 340, bytes: 1000 }, 20), 'in.jsonl: 120 lines, 34 %, 33 s left')
  assert.is(describeBatch('in.jsonl', 1, { end: 340, bytes: 1000 }, undefined), 'in.jsonl: 1 line, 34 %')
  assert.is(describeBatch('in.jsonl', 9, { end: 1000, bytes: 1000 }, 20), 'in.jsonl: 9 lines, 100 %')
  assert.is(describeBatch('stdin', 9, undefined, 20), 'stdin: 9 lines')
})

test.run()
