import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { LANTERN, NEXT_TURN } from '../support/lantern.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'
import { assertAllRefused, type Ended, molm, parseLines, TINY } from './molm.js'

const BASE = ['-m', TINY, '-t', '1']
const GREEDY = ['--temperature', '0']

function objectOf({ code, stdout, stderr }: Ended) {
  assert.is(code, 0, stderr)
  return JSON.parse(stdout)
}

function linesOf({ code, stdout, stderr }: Ended) {
  assert.is(code, 0, stderr)
  assert.ok(stdout.endsWith('\n'))
  return parseLines(stdout)
}

test('--raw continues the text without template, stop strings and trimming, up to a stop text', async () => {
  const raw = ['run', ...GREEDY, '--quant', 'f32', '--json', '--raw', '-n', '40', NEXT_TURN.prompt]
  const { text } = objectOf(await molm(raw))
  assert.is(text, NEXT_TURN.greedy_text.replace('<|endoftext|>', ''))
  // A line break may be written as \n.
  assert.is(objectOf(await molm([...raw, '--stop', '\\n'])).text, text.slice(0, text.indexOf('\n')))
})

/** Options of a run, whose model comes from the environment. */
const HELLO = ['-t', '1', '-n', '6', '--ignore-eos', '--seed', '7', '--logprobs', '2', '--experts', 'Hello']
const env = { MOLM_MODEL: TINY }
let whole: Promise<Ended> | undefined
const hello = () => (whole ??= molm(['--json', ...HELLO], { env }))

test('--json prints all about a run of the model that the environment names', async () => {
  const result = objectOf(await hello())
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
    experts
      .flat()
      .flatMap(({ layer, attention, mlp }: (typeof experts)[0][0]) => [
        ...attention.ids.map((id: number) => `${layer} attention ${id}`),
        ...mlp.ids.map((id: number) => `${layer} mlp ${id}`),
      ]),
  )
  assert.is(awake.woke, used.size)
  assert.is(awake.experts, awake.woke + awake.slept)
  assert.ok(awake.committee > 0 && awake.committee < awake.woke)
})

test('--jsonl prints each token, and then the run', async () => {
  const lines = linesOf(await molm(['--jsonl', ...HELLO], { env }))
  const summary = lines.pop()
  const { text, logprobs, experts, ...rest } = objectOf(await hello())
  assert.equal(
    lines.map(({ index, token }) => [index, token]),
    [...rest.tokens.entries()],
  )
  assert.is(lines.map((line) => line.text).join(''), text)
  assert.equal(Object.keys(lines[0]), ['index', 'token', 'kind', 'text', 'logprob', 'top_logprobs', 'experts'])
  assert.equal(
    lines.map(({ logprob, experts }) => [logprob, experts]),
    logprobs.map(({ logprob }: { logprob: number }, i: number) => [logprob, experts[i]]),
  )
  assert.equal(Object.keys(summary), Object.keys(rest))
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

test('--verbose prints model, speed and memory to stderr', async () => {
  const stdin = Uint8Array.of(0x61, 0xff, 0x62)
  const { code, stderr } = await molm([...BASE, '-n', '2', '--ignore-eos', '--verbose', '--seed', '5', 'x'], { stdin })
  assert.match(
    stderr,
    /1 thread, \w+(\+256)? kernels\n(.*\n)*.*tokens\/s\nmolm: ended by .* \(length\); settings: --max-tokens 2 .*--seed 5 --prompt-lookup-num-tokens 15\n(.*\n)*.* of weights, .* in all\n/,
  )
  assert.match(stderr, /^molm: warning: stdin is not valid UTF-8/m)
  assert.is(code, 0)
})

test('--stats prints the speed and the experts that the answer wakes to stderr, and -q silences warnings', async () => {
  const stdin = Uint8Array.of(0x61, 0xff, 0x62)
  const text = await molm([...BASE, '-n', '4', '--ignore-eos', '--stats', '-q'], { stdin })
  assert.is(text.code, 0)
  const speeds = /^molm: prompt: \d+ tokens in .* tokens\/s\nmolm: answer: 4 tokens in .* tokens\/s\n/
  assert.match(text.stderr, speeds)
  assert.match(text.stderr.replace(speeds, ''), /^molm: \d+ of 36 experts woke; \d+ of them did half of the work\n$/)
})

test('--prompt-cache reads only what is new, and answers as without it', async () => {
  await inTemporaryFolder(async (folder) => {
    const file = join(folder, 'long.cache')
    const text = join(folder, 'long.txt')
    await writeFile(text, 'A lantern is a light inside a case that can be carried. '.repeat(10))
    const ask = (question: string, ...more: string[]) =>
      molm(['run', ...BASE, ...GREEDY, '-n', '6', '--ignore-eos', '--json', '-f', text, ...more, question])
    const [first, second, alone] = [
      objectOf(await ask('What is a lantern?', '--prompt-cache', file)),
      objectOf(await ask('What is a ship?', '--prompt-cache', file)),
      objectOf(await ask('What is a ship?')),
    ]
    assert.is(first.timings.cached_tokens, 0)
    const { cached_tokens } = second.timings
    assert.ok(cached_tokens > 100 && cached_tokens < second.prompt_tokens, `${cached_tokens} tokens`)
    assert.equal(second.tokens, alone.tokens)
  })
})

test('--prompt-cache replaces no other file, and makes no folder', async () => {
  await inTemporaryFolder(async (folder) => {
    const notes = join(folder, 'notes.txt')
    await writeFile(notes, 'My only copy.')
    await assertAllRefused('run -m nano Hello --prompt-cache', [
      [[notes], /notes\.txt: there is something other than a prompt cache; give another file/, 1],
      [[folder], /there is something other than a prompt cache/, 1],
      [[join(folder, 'no', 'x.cache')], /x\.cache: there is no such folder/, 1],
    ])
    assert.is(await readFile(notes, 'utf8'), 'My only copy.')
    assert.equal(await readdir(folder), ['notes.txt'])
  })
})

test.run()
