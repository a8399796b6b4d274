import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { earlierResults } from '#molm/cli/commands/run/batch/earlier-results.js'
import { hashOf } from '#molm/cli/commands/run/batch/hash.js'
import { openInput } from '#molm/cli/commands/run/batch/input.js'
import { openOutput } from '#molm/cli/commands/run/batch/output.js'
import { checkInput, OtherInputError, outstanding } from '#molm/cli/commands/run/batch/outstanding.js'
import { sidecarPath } from '#molm/cli/commands/run/batch/replacements.js'
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

test('they are put in place when the output is closed, and other lines do not change', () =>
  inTemporaryFolder(async (dir) => {
    const path = join(dir, 'out.jsonl')
    await writeFile(path, linesOf({ id: 1, error: 'none' }, answer(2, 'b'), { id: 3, error: 'none' }))
    const output = await openOutput(path)
    await output.replace({ line: 1, id: 1 }, answer(1, 'a'))
    await output.replace({ line: 3, id: 3 }, { id: 3, error: 'other' })
    await output.close()
    assert.is(await readFile(path, 'utf8'), linesOf(answer(1, 'a'), answer(2, 'b'), { id: 3, error: 'other' }))
    assert.equal(await readdir(dir), ['out.jsonl'])
  }))

test('discarded ones leave the output unchanged and no file next to it', () =>
  inTemporaryFolder(async (dir) => {
    const path = join(dir, 'out.jsonl')
    const old = linesOf({ id: 1, error: 'none' })
    await writeFile(path, old)
    const output = await openOutput(path)
    await output.replace({ line: 1, id: 1 }, answer(1, 'a'))
    await output.forget()
    await output.close()
    assert.is(await readFile(path, 'utf8'), old)
    assert.equal(await readdir(dir), ['out.jsonl'])
  }))

test('a new line comes after them', () =>
  inTemporaryFolder(async (dir) => {
    const path = join(dir, 'out.jsonl')
    await writeFile(path, linesOf({ id: 1, error: 'none' }))
    const output = await openOutput(path)
    await output.replace({ line: 1, id: 1 }, answer(1, 'a'))
    await output.write(answer(2, 'b'))
    assert.is(await readFile(path, 'utf8'), linesOf(answer(1, 'a'), answer(2, 'b')))
    await output.write(answer(3, 'c'))
    await output.close()
    assert.is(await readFile(path, 'utf8'), linesOf(answer(1, 'a'), answer(2, 'b'), answer(3, 'c')))
  }))

test('the next run puts the replacements of a killed run in place', () =>
  inTemporaryFolder(async (dir) => {
    const path = join(dir, 'out.jsonl')
    const old = linesOf({ id: 1, error: 'none' }, { id: 2, error: 'none' }, answer(3, 'c'))
    await writeFile(path, `${old}{"id":4,"mod`)
    const entries = [
      { line: 2, replaces: 2, result: answer(2, 'early') },
      { line: 2, replaces: 2, result: answer(2, 'late') },
      // For a line with another id, and for a missing line: they belong to another file.
      { line: 3, replaces: 9, result: answer(3, 'x') },
      { line: 8, replaces: 8, result: answer(8, 'x') },
    ]
    await writeFile(sidecarPath(path, 'again'), `${linesOf(...entries)}{"line":1,"resu`)
    await writeFile(sidecarPath(path, 'partial'), 'left by a kill during the move')
    const output = await openOutput(path)
    const written = []
    for await (const { id, model } of output.written()) written.push(`${id} ${model}`)
    await output.close()
    assert.equal(written, ['1 undefined', '2 nano', '3 nano'])
    assert.is(await readFile(path, 'utf8'), linesOf({ id: 1, error: 'none' }, answer(2, 'late'), answer(3, 'c')))
    assert.equal(await readdir(dir), ['out.jsonl'])
  }))

test('replacements for a removed output are discarded', () =>
  inTemporaryFolder(async (dir) => {
    const path = join(dir, 'out.jsonl')
    await writeFile(sidecarPath(path, 'again'), linesOf({ line: 1, replaces: 1, result: answer(1, 'a') }))
    await (await openOutput(path)).close()
    assert.is(existsSync(sidecarPath(path, 'again')), false)
    assert.is(await readFile(path, 'utf8'), '')
  }))

test('answers that cannot be put in place stay in their own file, and the output does not change', () =>
  inTemporaryFolder(async (dir) => {
    const path = join(dir, 'out.jsonl')
    const old = linesOf({ id: 1, error: 'none' })
    await writeFile(path, old)
    const output = await openOutput(path)
    await output.replace({ line: 1, id: 1 }, answer(1, 'a'))
    await mkdir(sidecarPath(path, 'partial'))
    assert.match(String(await thrownBy(output.close())), 'cannot be written (there is a folder of that name)')
    assert.is(await readFile(path, 'utf8'), old)
    const again = linesOf({ line: 1, replaces: 1, result: answer(1, 'a') })
    assert.is(await readFile(sidecarPath(path, 'again'), 'utf8'), again)
    assert.is(existsSync(sidecarPath(path, 'lock')), false)
  }))

test('files of the user that are named after the output do not change', () =>
  inTemporaryFolder(async (dir) => {
    const path = join(dir, 'yarn')
    const own = ['again', 'lock', 'partial'].map((ending) => `${path}.${ending}`)
    for (const file of own) await writeFile(file, "the user's own\n")
    // A new output, one with lines to replace, and one without.
    for (const replaced of [[], [1], []]) {
      const output = await openOutput(path)
      for (const line of replaced) await output.replace({ line, id: line }, answer(line, 'again'))
      if (replaced.length === 0) await output.write(answer(1, 'new'))
      await output.close()
    }
    for (const file of own) assert.is(await readFile(file, 'utf8'), "the user's own\n")
    assert.equal((await readdir(dir)).sort(), ['yarn', 'yarn.again', 'yarn.lock', 'yarn.partial'])
  }))

test('for a link, the target is replaced', () =>
  inTemporaryFolder(async (dir) => {
    const [path, link] = [join(dir, 'out.jsonl'), join(dir, 'link')]
    await writeFile(path, linesOf({ id: 1, error: 'none' }))
    await symlink(path, link)
    const output = await openOutput(link)
    await output.replace({ line: 1, id: 1 }, answer(1, 'a'))
    await output.close()
    assert.is(await readFile(path, 'utf8'), linesOf(answer(1, 'a')))
    assert.is(await readFile(link, 'utf8'), linesOf(answer(1, 'a')))
  }))

/** The hash of a request in its answer. */
const requestOf = (prompt: string) => `${hashOf({ prompt })}-options`

const prompts = (letters: string) => [...letters].map((prompt) => ({ prompt }))

const answers = (letters: string) => [...letters].map((letter, i) => answer(i + 1, letter, requestOf(letter)))

/** The lines to answer, with the reason if they have a result. A refusal comes last, after the lines before it. */
async function workOf(dir: string, input: (object | string)[], output: object[]): Promise<unknown[]> {
  const [inPath, outPath] = [join(dir, 'in.jsonl'), join(dir, 'out.jsonl')]
  await writeFile(inPath, linesOf(...input))
  await writeFile(outPath, linesOf(...output))
  const from = await openInput(inPath, new AbortController().signal)
  const to = await openOutput(outPath)
  const found: unknown[] = []
  const earlier = await earlierResults(to, { model: 'nano', options: 'options' })
  const resumed = { earlier, input: 'in.jsonl', output: 'out.jsonl' }
  const messageOf = (error: Error) => error.message
  if (!from.again) throw new Error('a file can be read again')
  const early = await checkInput(requestsOf(from.again(), DEFAULTS), resumed).catch(messageOf)
  try {
    for await (const { request, replaces } of outstanding(requestsOf(from.lines, DEFAULTS), resumed)) {
      found.push([request.line, replaces?.because])
    }
    assert.is(early, undefined)
  } catch (error) {
    // Checking in advance gives the same refusal.
    assert.is(early, (error as Error).message)
    assert.instance(error, OtherInputError)
    found.push(early)
  } finally {
    from.close()
    await to.close()
  }
  return found
}

test('failed lines, edited lines and lines without a result are to be answered', () =>
  inTemporaryFolder(async (dir) => {
    const results = [
      answer(1, 'kept', requestOf('a')),
      { id: 2, error: 'none' },
      answer(3, 'edited', requestOf('b')),
      answer(4, 'kept', requestOf('d')),
    ]
    assert.equal(await workOf(dir, prompts('abcde'), results), [
      [2, 'failed'],
      [3, 'edited'],
      [5, undefined],
    ])
  }))

test('answers of another input are refused before any line is answered again', () =>
  inTemporaryFolder(async (dir) => {
    const refusal = (why: string) => [
      `out.jsonl was not made from in.jsonl: ${why}\ngive another file with -o, or remove this one`,
    ]
    const none = (count: number) => refusal(`none of its ${count} answers belongs to a line of it`)
    assert.equal(await workOf(dir, prompts('xyz'), answers('abc')), none(3))
    assert.equal(await workOf(dir, prompts('xyza'), answers('abc')), none(3))
    assert.equal(await workOf(dir, prompts('xyz'), [{ id: 1, error: 'none' }, ...answers('abc').slice(1)]), none(2))
    assert.equal(await workOf(dir, prompts('xy'), answers('abc')), refusal('it has more lines than the 2 of the input'))
    assert.equal(await workOf(dir, ['Not JSON', 'at all'], answers('ab')), none(2))
  }))

test('one known answer is enough, even on another line, and a single answer may be of an edited line', () =>
  inTemporaryFolder(async (dir) => {
    const edited = (...lines: number[]) => lines.map((line) => [line, 'edited'])
    assert.equal(await workOf(dir, prompts('xyc'), answers('abc')), edited(1, 2))
    assert.equal(await workOf(dir, prompts('xab'), answers('ab')), [...edited(1, 2), [3, undefined]])
    assert.equal(await workOf(dir, prompts('x'), answers('a')), edited(1))
    const failed = { id: 2, error: 'none' }
    assert.equal(await workOf(dir, prompts('xy'), [...answers('a'), failed]), [...edited(1), [2, 'failed']])
  }))

test('an unreadable line is known by its number only: it may have any id', () =>
  inTemporaryFolder(async (dir) => {
    const [q2, q3, q4, q5] = [2, 3, 4, 5].map((n) => ({ id: `q${n}`, prompt: 'a' }))
    const kept = answer('q3', 'kept', requestOf('before'))
    const results = [{ id: 2, error: 'not JSON' }, kept, { id: 'q4', error: 'none' }]
    const again = [
      [2, 'failed'],
      [3, 'edited'],
      [4, 'failed'],
    ]
    // The empty first line has a number, but no result.
    assert.equal(await workOf(dir, ['', q2, q3, q4], results), again)
    assert.equal(await workOf(dir, ['', q2, `${JSON.stringify(q3)},`, q4], results), again)
    assert.equal(await workOf(dir, ['', q2, { ...q3, id: true }, q4], results), again)
    const refusal = (await workOf(dir, ['', q2, q3, q5], results)).at(-1)
    assert.match(String(refusal), 'its line 3 has the id "q4", line 4 of the input "q5"')
  }))

test('results of other options or another model are refused', () =>
  inTemporaryFolder(async (dir) => {
    const path = join(dir, 'out.jsonl')
    await writeFile(path, linesOf({ id: 1, error: 'none' }, answer(2, 'b', 'line-options')))
    const output = await openOutput(path)
    const results = (model: string, options: string) => earlierResults(output, { model, options })
    try {
      assert.is((await results('nano', 'options')).length, 2)
      const ofOther = String(await thrownBy(results('other', 'options')))
      assert.match(ofOther, 'has answers of nano, and the model now is other')
      const otherOptions = String(await thrownBy(results('nano', 'new')))
      assert.match(otherOptions, 'line 2 answers other options of the command line')
    } finally {
      await output.close()
    }
  }))

test('the number of lines answered again is reported with the reasons', () => {
  assert.is(describeAgain({ failed: 2, edited: 1 }), '3 lines answered again: 2 had failed, 1 was edited')
  assert.is(describeAgain({ failed: 0, edited: 2 }), '2 lines answered again: 2 were edited')
  assert.is(describeAgain({ failed: 1, edited: 0 }), '1 line answered again: 1 had failed')
})

test.run()
