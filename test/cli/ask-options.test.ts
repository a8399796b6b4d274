import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Command } from 'commander'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type AskFlags, addAskOptions, readAskOptions } from '#molm/cli/parsing/ask-options.js'
import { UsageError } from '#molm/ground/errors.js'
import { thrownBy } from '../support/rejects.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'

/** Reads a command line. Rejects with the error of the parser or the reader. */
async function asked(...words: string[]) {
  const command = addAskOptions(new Command('run').exitOverride().configureOutput({ writeErr() {} }))
  command.parse(words, { from: 'user' })
  return readAskOptions(command.opts<AskFlags>())
}

/** Checks the message that a command line is refused with. */
async function refused(words: string[], pattern: RegExp): Promise<void> {
  const error = await thrownBy(asked(...words))
  assert.instance(error, Error)
  assert.match((error as Error).message, pattern)
}

test('the level and the budget of thinking are read', async () => {
  assert.equal(await asked(), {})
  assert.equal(await asked('--think', 'low', '--think-budget', '0'), { think: 'low', thinkBudget: 0 })
})

test('a schema, a grammar and a regular expression may be typed', async () => {
  assert.equal(await asked('--schema', ' {"type": "string"}'), { schema: { type: 'string' } })
  assert.equal(await asked('--schema', 'true'), { schema: true })
  assert.equal(await asked('--grammar', 'root ::= "./a"'), { grammar: 'root ::= "./a"' })
  assert.equal(await asked('--regex', '\\d+/x.txt'), { regex: '\\d+/x.txt' })
})

test('a schema and a grammar may come from files, and an error names the file', async () => {
  await inTemporaryFolder(async (dir) => {
    const path = join(dir, 'schema.json')
    await writeFile(path, '{"const": 1}')
    assert.equal(await asked('--schema', path), { schema: { const: 1 } })
    await writeFile(path, '{"const": ')
    await refused(['--schema', path], /schema\.json: not valid JSON/)
    await writeFile(path, '[1]')
    await refused(['--schema', path], /schema\.json: a JSON Schema is an object/)
    const grammar = join(dir, 'list.gbnf')
    await refused(['--grammar', grammar], /list\.gbnf: no such file/)
    await writeFile(grammar, 'root ::= "é"\n')
    assert.equal(await asked('--grammar', grammar), { grammar: 'root ::= "é"\n' })
    await writeFile(grammar, Buffer.from([0xff]))
    await refused(['--grammar', grammar], /list\.gbnf: not a text in UTF-8/)
  })
})

test('a value that is neither is refused with both forms', async () => {
  await refused(['--schema', 'name, age int'], /--schema must be JSON, like .* or a file, like .*, not 'name, /)
  await refused(['--schema', '{"type": '], /^--schema: not valid JSON/)
  await refused(['--grammar', 'yes'], /--grammar must be rules, like .* or a file/)
})

test('a typed form that is wrong is wrong usage; a file with the same content is not', async () => {
  const cases: [flag: string, value: string, message: string][] = [
    ['--schema', '{"type":', '--schema: not valid JSON'],
    ['--regex', '(a', '--regex: `(` without a `)`, at character 1 of the pattern (a'],
    ['--grammar', 'root ::= x', '--grammar: the grammar has no rule `x`'],
  ]
  for (const [flag, value, message] of cases) {
    const error = await thrownBy(asked(flag, value))
    assert.instance(error, UsageError)
    assert.ok((error as UsageError).message.startsWith(message), String(error))
  }
  await inTemporaryFolder(async (dir) => {
    const path = join(dir, 'schema.json')
    await writeFile(path, '{"type":')
    assert.not.instance(await thrownBy(asked('--schema', path)), UsageError)
  })
})

test('one form excludes the others', async () => {
  for (const [one, other] of [
    ['schema', 'grammar'],
    ['schema', 'regex'],
    ['grammar', 'regex'],
  ]) {
    await refused([`--${one}`, '{}', `--${other}`, 'x'], /cannot be used with option/)
    await refused([`--${other}`, '{}', `--${one}`, 'x'], /cannot be used with option/)
  }
})

test('levels of other tools are refused with the level that they mean', async () => {
  await refused(['--think', 'false'], /--think must be .*, not 'false'; did you mean --think off\?/)
  await refused(['--think', 'true'], /did you mean --think on\?/)
  await refused(['--think', 'What is this?'], /or high, not 'What is this\?'$/)
  await refused(['--think-budget', '-1'], /--think-budget must be a whole number from 0 on/)
})

test.run()
