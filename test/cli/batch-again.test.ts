import { readdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { hashOf } from '#molm/cli/commands/run/batch/hash.js'
import { openInput } from '#molm/cli/commands/run/batch/input.js'
import { BatchOutput } from '#molm/cli/commands/run/batch/output.js'
import { besideResults, earlierResults, OtherInputError } from '#molm/cli/commands/run/batch/outstanding.js'
import { requestsOf } from '#molm/cli/commands/run/batch/request.js'
import { describeAgain } from '#molm/cli/commands/run/batch/run-batch.js'
import { thrownBy } from '../support/rejects.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'

const test = suite('answers that replace earlier ones')

const DEFAULTS = { system: '', prefill: '', raw: false, experts: false, isConversation: false, args: {}, settings: {} }

const answer = (id: string | number, text: string, request = 'line-options') => ({
  id,
  request,
  model: 'nano',
  prompt_tokens: 1,
  tokens: [],
  text,
  finish_reason: 'length' as const,
  seed: 1,
})

const linesOf = (...values: (object | string)[]) =>
  values.map((value) => `${typeof value === 'string' ? value : JSON.stringify(value)}\n`).join('')

/** An output with earlier results, and the places of these. */
async function reopened(path: string, ...results: object[]) {
  await writeFile(path, linesOf(...results))
  const output = await BatchOutput.open(path)
  return { output, places: await earlierResults(output, { model: 'nano', options: 'options' }) }
}

test('they are appended, and take their places at the end', () =>
  inTemporaryFolder(async (folder) => {
    const [path, link] = ['out.jsonl', 'link'].map((name) => join(folder, name))
    await symlink(path, link)
    const before = [{ id: 1, error: 'none' }, answer('long', 'b'.repeat(2 ** 20)), answer(3, 'c')]
    const { output, places } = await reopened(link, ...before)
    const first = await output.write(answer(1, 'a'))
    const last = await output.write(answer(4, 'd'))
    assert.is(await readFile(path, 'utf8'), linesOf(...before, answer(1, 'a'), answer(4, 'd')))
    await output.putInOrder([first, places[1], places[2], last])
    await output.close()
    assert.is(await readFile(path, 'utf8'), linesOf(answer(1, 'a'), before[1], before[2], answer(4, 'd')))
    assert.is(await readFile(link, 'utf8'), await readFile(path, 'utf8'))
    assert.equal((await readdir(folder)).sort(), ['link', 'out.jsonl'])
  }))

test('answers to another input are removed', () =>
  inTemporaryFolder(async (folder) => {
    const path = join(folder, 'out.jsonl')
    const { output } = await reopened(path, { id: 1, error: 'none' })
    await output.write(answer(1, 'a'))
    await output.forget()
    await output.close()
    assert.is(await readFile(path, 'utf8'), linesOf({ id: 1, error: 'none' }))
  }))

test('an output that cannot be put in order keeps all results', () =>
  inTemporaryFolder(async (folder) => {
    const path = join(folder, 'out.jsonl')
    const { output } = await reopened(path, { id: 1, error: 'none' })
    const place = await output.write(answer(1, 'a'))
    const error = await thrownBy(output.putInOrder([{ ...place, end: place.end + 1 }]))
    assert.match(String(error), 'out.jsonl: has been changed by another program')
    await output.close()
    assert.is(await readFile(path, 'utf8'), linesOf({ id: 1, error: 'none' }, answer(1, 'a')))
  }))

test('files of the user that are named after the output do not change', () =>
  inTemporaryFolder(async (folder) => {
    const path = join(folder, 'yarn')
    const own = ['lock', 'partial'].map((ending) => `${path}.${ending}`)
    for (const file of own) await writeFile(file, "the user's own\n")
    const { output } = await reopened(path, { id: 1, error: 'none' })
    await output.putInOrder([await output.write(answer(1, 'new'))])
    await output.close()
    for (const file of own) assert.is(await readFile(file, 'utf8'), "the user's own\n")
    assert.equal((await readdir(folder)).sort(), ['yarn', 'yarn.lock', 'yarn.partial'])
  }))

/** The hash of a request in its answer. */
const requestOf = (prompt: string) => `${hashOf({ prompt })}-options`

const prompts = (letters: string) => [...letters].map((prompt) => ({ prompt }))

const answers = (letters: string) => [...letters].map((letter, i) => answer(i + 1, letter, requestOf(letter)))

/**
 * The work on each line of the input: none, if its answer is there, which gives the line of the output, else `failed`,
 * `edited` or `new`. A refusal comes last.
 */
async function workOf(folder: string, input: (object | string)[], results: object[]): Promise<(number | string)[]> {
  const inPath = join(folder, 'in.jsonl')
  await writeFile(inPath, linesOf(...input))
  const from = await openInput(inPath, new AbortController().signal)
  const { output, places: earlier } = await reopened(join(folder, 'out.jsonl'), ...results)
  const resumed = { earlier, input: 'in.jsonl', output: 'out.jsonl' }
  const found: (number | string)[] = []
  try {
    for await (const { place, because } of besideResults(requestsOf(from.lines, DEFAULTS), resumed)) {
      const answered = earlier.find(({ start }) => start === place?.start)
      found.push(answered?.line ?? because ?? 'new')
    }
  } catch (error) {
    assert.instance(error, OtherInputError)
    found.push((error as Error).message)
  } finally {
    from.close()
    await output.close()
  }
  return found
}

test('failed lines, edited lines and lines without a result are to be answered', () =>
  inTemporaryFolder(async (folder) => {
    const [first, second, third, fourth] = answers('abcd')
    const failed = { id: 2, error: 'none' }
    const edited = answer(3, 'edited', requestOf('b'))
    assert.equal(await workOf(folder, prompts('abcde'), [first, failed, edited, fourth]), [
      1,
      'failed',
      'edited',
      4,
      'new',
    ])
    // A killed run has answered two lines again.
    const cut = [first, failed, edited, fourth, second, third]
    assert.equal(await workOf(folder, prompts('abcde'), cut), [1, 5, 6, 4, 'new'])
  }))

test('lines of one id keep an answer each', () =>
  inTemporaryFolder(async (folder) => {
    const [a, b] = ['a', 'b'].map((prompt) => ({ id: 'x', prompt }))
    const [ofA, ofB] = ['a', 'b'].map((prompt) => answer('x', prompt, requestOf(prompt)))
    assert.equal(await workOf(folder, [a, b, a, b], [ofA, ofB, ofA]), [1, 2, 3, 'new'])
    assert.equal(await workOf(folder, [a, b], [{ id: 'x', error: 'none' }, ofB]), ['failed', 2])
  }))

test('answers of another input are refused before any line is answered again', () =>
  inTemporaryFolder(async (folder) => {
    const refusal = (why: string) => [
      `out.jsonl was not made from in.jsonl: ${why}\ngive another file with -o, or remove this one`,
    ]
    const none = (count: number) => refusal(`none of its ${count} answers belongs to a line of it`)
    assert.equal(await workOf(folder, prompts('xyz'), answers('abc')), none(3))
    assert.equal(await workOf(folder, prompts('xyza'), answers('abc')), none(3))
    assert.equal(await workOf(folder, prompts('xyz'), [{ id: 1, error: 'none' }, ...answers('abc').slice(1)]), none(2))
    assert.equal(
      await workOf(folder, prompts('xy'), answers('abc')),
      refusal('it has more lines than the 2 of the input'),
    )
    assert.equal(await workOf(folder, ['Not JSON', 'at all'], answers('ab')), none(2))
  }))

test('one known answer is enough, even on another line, and a single answer may be of an edited line', () =>
  inTemporaryFolder(async (folder) => {
    assert.equal(await workOf(folder, prompts('xyc'), answers('abc')), ['edited', 'edited', 3])
    assert.equal(await workOf(folder, prompts('xab'), answers('ab')), ['edited', 'edited', 'new'])
    assert.equal(await workOf(folder, prompts('x'), answers('a')), ['edited'])
    const failed = { id: 2, error: 'none' }
    assert.equal(await workOf(folder, prompts('xy'), [...answers('a'), failed]), ['edited', 'failed'])
  }))

test('an unreadable line is known by its number only: it may have any id', () =>
  inTemporaryFolder(async (folder) => {
    const [q2, q3, q4, q5] = [2, 3, 4, 5].map((n) => ({ id: `q${n}`, prompt: 'a' }))
    const kept = answer('q3', 'kept', requestOf('before'))
    const results = [{ id: 2, error: 'not JSON' }, kept, { id: 'q4', error: 'none' }]
    const again = ['failed', 'edited', 'failed']
    // The empty first line has a number, but no result.
    assert.equal(await workOf(folder, ['', q2, q3, q4], results), again)
    assert.equal(await workOf(folder, ['', q2, `${JSON.stringify(q3)},`, q4], results), again)
    assert.equal(await workOf(folder, ['', q2, { ...q3, id: true }, q4], results), again)
    const repaired = [...results, answer('q2', 'a', requestOf('a'))]
    assert.equal(await workOf(folder, ['', q2, q3, q4], repaired), [4, 'edited', 'failed'])
    const refusal = (await workOf(folder, ['', q2, q3, q5], results)).at(-1)
    assert.match(String(refusal), 'its line 3 has the id "q4", line 4 of the input "q5"')
  }))

test('the number of lines answered again is reported with the reasons', () => {
  assert.is(describeAgain({ failed: 2, edited: 1 }), '3 lines answered again: 2 had failed, 1 was edited')
  assert.is(describeAgain({ failed: 0, edited: 2 }), '2 lines answered again: 2 were edited')
  assert.is(describeAgain({ failed: 1, edited: 0 }), '1 line answered again: 1 had failed')
})

test.run()
