import { cp, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { fixturePath } from '../support/fixtures.js'
import { LANTERN } from '../support/lantern.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'
import { assertRefused, type Ended, ended, molm, parseLines, type Running, startMolm, TINY } from './molm.js'

const BASE = ['-m', TINY, '-t', '1']

const jsonl = (...lines: unknown[]) =>
  lines.map((line) => `${typeof line === 'string' ? line : JSON.stringify(line)}\n`).join('')

const batch = (args: string[], stdin?: string) => molm(['run', '--batch', ...args], { stdin })

/** The fields of `run --json` that a line of a batch has, too, the same in every run. */
function comparable({ code, stdout, stderr }: Ended) {
  assert.is(code, 0, stderr)
  const { timings: _, memory: __, cache_type: ___, ...rest } = JSON.parse(stdout)
  return rest
}

/** Waits for something that a running command does. Rejects if the command ends without it. */
async function untilRunning(child: Running, isDone: () => Promise<boolean>): Promise<void> {
  while (!(await isDone())) {
    if (child.exitCode !== null || child.signalCode !== null) throw new Error('the command has ended')
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

test('--verbose prints the model, and the tokens of prompts that lines share, to stderr', async () => {
  const common = 'The lantern is lit, and the boat is far away. '.repeat(10)
  const input = jsonl(...['A dog', 'A cat'].map((end) => ({ prompt: `${common}${end}`, raw: true, maxTokens: 2 })))
  const { code, stderr } = await batch(['-', '--verbose'], input)
  assert.is(code, 0, stderr)
  assert.match(stderr, /^molm: nano: q4 weights, bf16 cache, /)
  const [, all, shared] = stderr.match(/\nmolm: prompts: (\d+) tokens, (\d+) of them shared with other lines\n$/) ?? []
  assert.ok(Number(shared) > 64 && Number(shared) < Number(all) / 2, stderr)
})

test('every line gets the answer of `run --json`, in the order of the lines', async () => {
  const input = jsonl(
    { prompt: LANTERN.question, temperature: 0, prefill: 'A', stats: true, system: 'Be kind.' },
    { id: 'psalm', prompt: 'And the LORD said', raw: true, seed: 3, logprobs: 2, experts: true, maxTokens: 7 },
  )
  const command = ['--seed', '5', '-n', '12']
  const { code, stdout, stderr } = await batch(['-', '--parallel', '2', ...command], input)
  const run = ['run', '--json', ...command]
  const alone = await Promise.all([
    molm([...run, '--temperature', '0', '--prefill', 'A', '--stats', '-q', '-s', 'Be kind.', LANTERN.question]),
    molm([...run, '--raw', '--seed', '3', '--logprobs', '2', '--experts', '-n', '7', 'And the LORD said']),
  ])
  assert.is(code, 0, stderr)
  assert.is(stderr, '')
  const expected = alone.map(comparable).map((answer, i) => ({ id: [1, 'psalm'][i], ...answer }))
  assert.equal(
    parseLines(stdout).map(({ request, ...answer }) => answer),
    expected,
  )
})

test('a faulty line gets an error in its place, and the exit code is 1', () =>
  inTemporaryFolder(async (folder) => {
    const out = join(folder, 'out.jsonl')
    const input = jsonl({ prompt: 'a' }, 'nonsense', { id: 'x', prompt: 'b', tokens: 3 }, { prompt: 'c' })
    const { code, stdout, stderr } = await batch(['-', ...BASE, '-n', '2', '--seed', '1', '-o', out], input)
    assert.is(code, 1)
    assert.is(stdout, '')
    assert.match(stderr, /^molm: 2 of 4 lines could not be answered; see "error" in .*out\.jsonl\n$/)
    const results = parseLines(await readFile(out, 'utf8'))
    assert.equal(
      results.map(({ id, error, tokens }) => [id, error ?? tokens.length]),
      [
        [1, 2],
        [2, results[1].error],
        ['x', results[2].error],
        [4, 2],
      ],
    )
    assert.match(results[1].error, /^line 2: not valid JSON/)
    assert.match(results[2].error, /no field "tokens"/)
  }))

test('a text that is too long for the model is an error of its line', () =>
  inTemporaryFolder(async (folder) => {
    await cp(fixturePath('51-mixtral-f32'), folder, { recursive: true })
    for (const file of ['tokenizer.json', 'tokenizer_config.json']) {
      await cp(join(TINY, file), join(folder, file))
    }
    const args = ['-', '-m', folder, '-t', '1', '--context', '8', '-n', '2', '--ignore-eos']
    const { code, stdout } = await batch(args, jsonl({ prompt: '!'.repeat(12) }, { prompt: '!' }))
    assert.is(code, 1)
    const [long, short] = parseLines(stdout)
    assert.match(long.error, /the model's context ends at 8/)
    assert.is(short.finish_reason, 'length')
  }))

test('a model that cannot answer at all is reported once, not for every line', async () => {
  const args = ['-', '-m', fixturePath('51-mixtral-f32'), '-t', '1']
  assertRefused(await batch(args, jsonl({ prompt: 'a' }, { prompt: 'b' })), 1, /came without tokenizer files/)
})

test('the same command resumes at the end of the output, and an incomplete line is written again', () =>
  inTemporaryFolder(async (folder) => {
    const [whole, cut, input] = ['whole.jsonl', 'cut.jsonl', 'in.jsonl'].map((name) => join(folder, name))
    const prompts = Array.from({ length: 6 }, (_, i) => ({ id: `p${i}`, prompt: `${i} and`, seed: i }))
    await writeFile(input, jsonl(...prompts))
    assert.is((await batch([input, ...BASE, '-n', '4', '-o', whole])).code, 0)
    const text = await readFile(whole, 'utf8')
    const thirdLine = text.split('\n').slice(0, 2).join('\n').length + 1
    await writeFile(cut, text.slice(0, thirdLine + 20))
    const { code, stderr } = await batch([input, ...BASE, '-n', '4', '-o', cut])
    assert.is(code, 0, stderr)
    assert.match(stderr, /^molm: resuming .*cut\.jsonl after 2 lines\n$/)
    assert.is(await readFile(cut, 'utf8'), text)
  }))

test('failed and edited lines are answered again in their places', () =>
  inTemporaryFolder(async (folder) => {
    const [out, input] = ['out.jsonl', 'in.jsonl'].map((name) => join(folder, name))
    const line = (prompt: string, fields: object = {}) => ({ prompt, seed: 1, ...fields })
    await writeFile(input, jsonl(line('a'), line('b', { maxTokns: 2 }), line('c')))
    const command = [input, ...BASE, '-n', '3', '-o', out]
    assert.is((await batch(command)).code, 1)
    const [first, , third] = (await readFile(out, 'utf8')).split('\n')

    await writeFile(input, jsonl(line('other'), line('b', { maxTokens: 2 }), line('c'), line('d')))
    const again = await batch(command)
    assert.is(again.code, 0, again.stderr)
    assert.is(again.stderr, 'molm: 2 lines answered again: 1 had failed, 1 was edited\n')
    const lines = (await readFile(out, 'utf8')).split('\n')
    assert.is(lines[2], third)
    assert.is.not(lines[0], first)
    assert.equal(
      parseLines(lines.join('\n')).map(({ id, tokens }) => [id, tokens.length]),
      [
        [1, 3],
        [2, 2],
        [3, 3],
        [4, 3],
      ],
    )
    assert.match((await batch(command)).stderr, /nothing to do: .* has a result for all 4 lines/)
    assertRefused(
      await batch([...command, '--temperature', '0']),
      1,
      /out\.jsonl cannot be added to: line 1 answers other options .*\ngive the same options again, another file with -o/,
    )
    assert.equal(await readdir(folder), ['in.jsonl', 'out.jsonl'])
  }))

test('an output for other prompts, another model or something else is not changed', () =>
  inTemporaryFolder(async (folder) => {
    const [out, input] = ['out.jsonl', 'in.jsonl'].map((name) => join(folder, name))
    await writeFile(input, jsonl({ id: 'a', prompt: 'a' }, { id: 'b', prompt: 'b' }))
    const refused = async (content: string, pattern: RegExp) => {
      await writeFile(out, content)
      assertRefused(await batch([input, ...BASE, '-n', '1', '-o', out]), 1, pattern)
      assert.is(await readFile(out, 'utf8'), content)
    }
    await batch([input, ...BASE, '-n', '1', '-o', out])
    const { model, request } = JSON.parse((await readFile(out, 'utf8')).split('\n')[0])
    const own = { model, request }
    await refused(
      jsonl({ id: 'z', ...own }),
      /line 1 has the id "z", line 1 of the input "a"\ngive another file with -o/,
    )
    await refused(
      jsonl({ id: 'a', ...own }, { id: 'b', ...own }, { id: 'c', ...own }),
      /more lines than the 2 of the input/,
    )
    await refused(jsonl({ id: 'a', ...own, model: 'other' }), /answers of other, and the model now is 01-base-bin-f32/)
    await refused(jsonl({ name: 'a' }), /line 1 is not a result of `run --batch`/)
    await refused('A letter.\nOf two lines and a half', /line 1 is not a result of `run --batch`/)
    await refused('Half a letter', /is not a result of `run --batch`/)
    assertRefused(await batch([input, ...BASE, '-o', input]), 2, /name the same file/)
  }))

test('shards have the answers of one run together, and none is added to the file of another', () =>
  inTemporaryFolder(async (folder) => {
    const [input, whole, ...shards] = ['in', 'whole', '1', '2'].map((name) => join(folder, `${name}.jsonl`))
    await writeFile(input, jsonl(...['a', 'b', 'c'].map((prompt) => ({ prompt }))))
    const command = [input, ...BASE, '-n', '3', '--seed', '7', '-o']
    const answersIn = async (path: string) =>
      parseLines(await readFile(path, 'utf8')).map(({ request: _, ...answer }) => answer)
    assert.is((await batch([...command, whole])).code, 0)
    for (const [i, path] of shards.entries()) {
      assert.is((await batch([...command, path, '--shard', `${i + 1}/2`])).code, 0)
    }
    const [[first, third], [second]] = await Promise.all(shards.map(answersIn))
    assert.equal([first, second, third], await answersIn(whole))
    assert.match((await batch([...command, shards[0], '--shard', '1/2'])).stderr, /nothing to do/)
    for (const other of [['--shard', '2/2'], ['--shard', '1/3'], []]) {
      assertRefused(await batch([...command, shards[0], ...other]), 1, /line 1 answers other options/)
    }
  }))

test('another input is refused before the model is loaded', () =>
  inTemporaryFolder(async (folder) => {
    const [out, input] = ['out.jsonl', 'in.jsonl'].map((name) => join(folder, name))
    await writeFile(out, jsonl({ id: 1, error: 'none' }, { id: 2, error: 'none' }))
    await writeFile(input, jsonl({ prompt: 'a' }))
    // Loading the model would give another error, since it has no tokenizer.
    const command = [input, '-m', fixturePath('51-mixtral-f32'), '-o', out]
    assertRefused(await batch(command), 1, /more lines than the 1 of the input/)
  }))

test('two runs do not write one file; Ctrl-C exits with 130, and the output stays complete', () =>
  inTemporaryFolder(async (folder) => {
    const [out, input] = ['out.jsonl', 'in.jsonl'].map((name) => join(folder, name))
    const short = { prompt: 'a', maxTokens: 2, seed: 1, ignoreEos: true }
    await writeFile(input, jsonl(short, short, { ...short, maxTokens: 1_000_000 }, short))
    const child = startMolm(['run', '--batch', input, '-o', out, ...BASE])
    child.stdin.end()
    const end = ended(child)
    await untilRunning(child, async () => (await readFile(out, 'utf8').catch(() => '')).split('\n').length >= 3)
    assertRefused(await batch([input, ...BASE, '-o', out]), 1, /writing .*out\.jsonl is already under way/)
    child.kill('SIGINT')
    const { code, stderr } = await end
    assert.is(code, 130)
    assert.is(stderr, '')
    assert.equal(
      parseLines(await readFile(out, 'utf8')).map(({ id }) => id),
      [1, 2],
    )
  }))

test('--batch refuses options that contradict it', async () => {
  const refused = async (args: string[], pattern: RegExp) => assertRefused(await molm(['run', ...args]), 2, pattern)
  await Promise.all([
    refused(['--batch', 'in.jsonl', 'Hello'], /--batch takes its prompts from a file/),
    refused(['--batch', 'in.jsonl', '--jsonl'], /without --jsonl/),
    refused(['--batch', 'in.jsonl', '--parallel', '0'], /--parallel must be a whole number from 1 to 256, not '0'/),
    refused(['-o', 'out.jsonl', 'Hello'], /-o is for the answers of --batch/),
    refused(['--parallel', '2', 'Hello'], /--parallel needs --batch/),
    refused(['--shard', '1/2', 'Hello'], /--shard needs --batch/),
    ...['0/2', '3/2', '1', '1/0', '-1/2', '1.5/2', 'a/b', '1/2/3'].map((wrong) =>
      refused(['--batch', 'in.jsonl', `--shard=${wrong}`], /--shard must be/),
    ),
  ])
  assertRefused(await batch(['/nonexistent.jsonl']), 1, /\/nonexistent\.jsonl: no such file/)
  assertRefused(await batch(['/tmp']), 1, /is a folder, not a file/)
})

test('an input without lines is done at once', async () => {
  const { code, stdout, stderr } = await batch(['-'], '\n \n')
  assert.is(code, 0)
  assert.is(stdout, '')
  assert.match(stderr, /nothing to do/)
})

test.run()
