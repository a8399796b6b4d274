import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { fixturePath } from '../support/fixtures.js'
import { LANTERN } from '../support/lantern.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'
import { assertRefused, type Ended, molm } from './molm.js'

/** A checkpoint without chat template and with 320 random tokens, which loads in no time. */
const BASE = ['-m', fixturePath('01-base-bin-f32'), '-t', '1']
const GREEDY = ['--temperature', '0']

function objectOf({ code, stdout, stderr }: Ended) {
  assert.is(code, 0, stderr)
  return JSON.parse(stdout)
}

function linesOf({ code, stdout, stderr }: Ended) {
  assert.is(code, 0, stderr)
  assert.ok(stdout.endsWith('\n'))
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
}

test('nano answers a bare prompt, rendered by its chat template', async () => {
  const { code, stdout, stderr } = await molm([...GREEDY, LANTERN.question])
  assert.is(stdout, `${LANTERN.answer}\n`)
  assert.is(stderr, '')
  assert.is(code, 0)
})

test('piped text is a prompt like an argument, and arguments come after it', async () => {
  const [both, joined] = await Promise.all([
    molm([...BASE, '--json', '-n', '1', 'c', 'd'], { stdin: 'a\nb\n' }),
    molm([...BASE, '--json', '-n', '1', 'a\nb\nc d']),
  ])
  assert.is(objectOf(both).prompt_tokens, objectOf(joined).prompt_tokens)
  assert.equal(objectOf(both).tokens.length, 1)
})

test('--raw continues the text without template, stop strings and trimming, up to a stop text', async () => {
  const raw = ['run', ...GREEDY, '--json', '--raw', '-n', '40', 'User: Hello\nAssistant:']
  const { text } = objectOf(await molm(raw))
  assert.match(text, /^ .+\nUser:/)
  // A line break may be written as \n.
  assert.is(objectOf(await molm([...raw, '--stop', '\\n'])).text, text.slice(0, text.indexOf('\n')))
})

test('--json prints all about a run', async () => {
  const args = [...BASE, '--json', '-n', '6', '--ignore-eos', '--seed', '7', '--logprobs', '2', '--experts', 'Hello']
  const result = objectOf(await molm(args))
  const { model, prompt_tokens, tokens, text, finish_reason, seed, timings, memory, logprobs, experts, awake } = result
  const keys = 'model prompt_tokens tokens text finish_reason seed cache_type timings memory logprobs experts awake'
  assert.equal(Object.keys(result), keys.split(' '))
  assert.is(model, '01-base-bin-f32')
  assert.ok(prompt_tokens > 0)
  assert.is(tokens.length, 6)
  assert.type(text, 'string')
  assert.is(finish_reason, 'length')
  assert.is(seed, 7)
  for (const key of ['load_ms', 'prefill_ms', 'prefill_tokens_per_second', 'decode_ms', 'decode_tokens_per_second']) {
    assert.ok(timings[key] > 0, key)
  }
  assert.is(timings.cached_tokens, 0)
  assert.ok(memory.rss_bytes > memory.weights_bytes && memory.weights_bytes > 0)

  assert.equal(
    logprobs.map((entry: { token: number }) => entry.token),
    tokens,
  )
  for (const { token, logprob, top_logprobs } of logprobs) {
    assert.ok(logprob < 0)
    // A token has the same log-probability in both places.
    const again = top_logprobs.find((entry: { token: number }) => entry.token === token)
    if (again) assert.is(again.logprob, logprob)
    assert.is(top_logprobs.length, 2)
    assert.ok(top_logprobs[0].logprob >= top_logprobs[1].logprob && top_logprobs[0].logprob >= logprob)
  }
  assert.is(experts.length, 6)
  for (const [index, layer] of experts[0].entries()) {
    assert.is(layer.layer, index)
    for (const { ids, gates } of [layer.attention, layer.mlp]) {
      assert.is(ids.length, 2)
      assert.ok(gates[0] >= gates[1] && gates[1] > 0 && gates[0] + gates[1] < 1)
    }
  }
  const used = new Set(
    experts.flat().flatMap(({ layer, attention, mlp }: (typeof experts)[0][0]) => {
      return [
        ...attention.ids.map((id: number) => `${layer} attention ${id}`),
        ...mlp.ids.map((id: number) => `${layer} mlp ${id}`),
      ]
    }),
  )
  assert.is(awake.woke, used.size)
  assert.is(awake.experts, awake.woke + awake.slept)
  assert.ok(awake.committee > 0 && awake.committee < awake.woke)
})

test('--jsonl prints each token, and then the run', async () => {
  const shared = [...BASE, '-n', '5', '--ignore-eos', '--seed', '1', 'Hello']
  const [streamed, whole] = await Promise.all([
    molm(['--jsonl', '--experts', '--logprobs', '0', ...shared]),
    molm(['--json', ...shared]),
  ])
  const lines = linesOf(streamed)
  const summary = lines.pop()
  const { text, ...rest } = objectOf(whole)
  assert.equal(
    lines.map(({ index }) => index),
    [0, 1, 2, 3, 4],
  )
  assert.equal(
    lines.map(({ token }) => token),
    rest.tokens,
  )
  assert.is(lines.map((line) => line.text).join(''), text)
  assert.equal(Object.keys(lines[0]), ['index', 'token', 'kind', 'text', 'logprob', 'top_logprobs', 'experts'])
  assert.equal(Object.keys(summary), [...Object.keys(rest), 'awake'])
  assert.equal(summary.tokens, rest.tokens)
})

test('a seed gives the same text with any number of threads, and the result reports the seed', async () => {
  const args = [...BASE, '--json', '-n', '12', '--ignore-eos', '--temperature', '1.5', 'Once']
  const first = objectOf(await molm(args))
  const again = objectOf(await molm([...args, '-t', '2', '--seed', String(first.seed)]))
  assert.equal(again.tokens, first.tokens)
  assert.equal([again.seed, Number.isSafeInteger(first.seed)], [first.seed, true])
})

test('each --stop ends the text before it, in addition to the stop strings of the model', async () => {
  const stop = LANTERN.answer.slice(20, 28)
  const { text, finish_reason } = objectOf(
    await molm([...GREEDY, '--json', '--stop', 'nowhere', '--stop', stop, LANTERN.question]),
  )
  assert.is(text, LANTERN.answer.slice(0, LANTERN.answer.indexOf(stop)).trimEnd())
  assert.is(finish_reason, 'stop')
})

test('--verbose prints model, speed and memory to stderr, -q silences warnings', async () => {
  const args = [...BASE, '-n', '2', '--ignore-eos']
  const stdin = Uint8Array.of(0x61, 0xff, 0x62)
  const [verbose, quiet] = await Promise.all([
    molm([...args, '--verbose', '--seed', '5', 'x'], { stdin }),
    molm([...args, '-q'], { stdin }),
  ])
  assert.match(
    verbose.stderr,
    /1 thread, \w+(\+256)? kernels\n(.*\n)*.*tokens\/s\nmolm: ended by .* \(length\); settings: --max-tokens 2 .*--seed 5 --prompt-lookup-num-tokens 15\n(.*\n)*.* of weights, .* in all\n/,
  )
  assert.match(verbose.stderr, /^molm: warning: stdin is not valid UTF-8/m)
  assert.is(quiet.stderr, '')
  for (const { code } of [verbose, quiet]) assert.is(code, 0)
})

test('--stats prints the speed and the experts that the answer wakes to stderr', async () => {
  const text = await molm([...GREEDY, '--stats', '-q', LANTERN.question])
  assert.is(text.stdout, `${LANTERN.answer}\n`)
  const speeds = /^molm: prompt: \d+ tokens in .* tokens\/s\nmolm: answer: \d+ tokens in .* tokens\/s\n/
  assert.match(text.stderr, speeds)
  assert.match(text.stderr.replace(speeds, ''), /^molm: \d+ of 192 experts woke; \d+ of them did half of the work\n$/)
})

test('the environment names the model', async () => {
  const env = { MOLM_MODEL: fixturePath('11-molm-like-bin-bf16-sharded') }
  const preset = objectOf(await molm(['--json', '-t', '1', '-n', '1', 'x'], { env }))
  assert.is(preset.model, '11-molm-like-bin-bf16-sharded')
})

test('--prompt-cache reads only what is new, and answers as without it', async () => {
  await inTemporaryFolder(async (folder) => {
    const file = join(folder, 'long.cache')
    const text = join(folder, 'long.txt')
    await writeFile(text, 'A lantern is a light inside a case that can be carried. '.repeat(10))
    const ask = (question: string, ...more: string[]) =>
      molm(['run', '-m', 'nano', '--temperature', '0', '--json', '-f', text, ...more, question])
    const [first, second, alone] = [
      objectOf(await ask('What is a lantern?', '--prompt-cache', file)),
      objectOf(await ask('What is a ship?', '--prompt-cache', file)),
      objectOf(await ask('What is a ship?')),
    ]
    assert.is(first.timings.cached_tokens, 0)
    const { cached_tokens } = second.timings
    assert.ok(cached_tokens > 100 && cached_tokens < second.prompt_tokens, `${cached_tokens} tokens`)
    assert.equal(second.tokens, alone.tokens)
    const bytes = await readFile(file)
    bytes[bytes.length >> 1] ^= 1
    await writeFile(file, bytes)
    const third = await ask('What is a ship?', '--prompt-cache', file)
    assert.match(third.stderr, /long\.cache: .*so it is not used/)
    assert.equal(objectOf(third).tokens, alone.tokens)
  })
})

test('--prompt-cache replaces no other file, and makes no folder', async () => {
  await inTemporaryFolder(async (folder) => {
    const notes = join(folder, 'notes.txt')
    await writeFile(notes, 'My only copy.')
    const wrong: [string, RegExp][] = [
      [notes, /notes\.txt: there is something other than a prompt cache; give another file/],
      [folder, /there is something other than a prompt cache/],
      [join(folder, 'no', 'x.cache'), /x\.cache: there is no such folder/],
    ]
    for (const [file, says] of wrong) {
      assertRefused(await molm(['run', '-m', 'nano', '--prompt-cache', file, 'Hello']), 1, says)
    }
    assert.is(await readFile(notes, 'utf8'), 'My only copy.')
    assert.equal(await readdir(folder), ['notes.txt'])
  })
})

test.run()
