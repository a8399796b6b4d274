import { mkdir, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { parseSlash, SLASH_COMMANDS, suggest } from '#molm/terminal/conversation/slash-commands.js'
import { listSettings, SETTING_NAMES, typedHere } from '#molm/terminal/conversation/state/settings.js'
import { pathOf } from '#molm/terminal/input/files.js'
import { InputHistory } from '#molm/terminal/input/history.js'
import { InputLine } from '#molm/terminal/input/input-line.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'

/** At least top-k and top-p, which share the beginning that Tab writes first. */
const SETTINGS_WITH_TOP = SETTING_NAMES.filter((name) => name.startsWith('top-'))

test('a line that begins with a slash is a command and its argument', () => {
  assert.equal(parseSlash('/set  temperature 0.7 '), { name: 'set', argument: 'temperature 0.7' })
  assert.equal(parseSlash('/system two\nlines'), { name: 'system', argument: 'two\nlines' })
  assert.equal(parseSlash('/'), { name: '', argument: '' })
  assert.is(parseSlash('a /set'), undefined)
  assert.equal(parseSlash('/q'), { name: 'exit', argument: '' })
  assert.equal(
    ['/clear', '/new', '/sessions', '/regen', '/quit', '/bye'].map((line) => parseSlash(line)?.name),
    ['reset', 'reset', 'list', 'retry', 'exit', 'exit'],
  )
  assert.equal(parseSlash('/? keys'), { name: 'help', argument: 'keys' })
})

test('commands and their arguments are completed', () => {
  assert.is(suggest('/').length, SLASH_COMMANDS.length)
  const lines = (begun: string) => suggest(begun).map(({ line }) => line)
  const named = (start: string) => SLASH_COMMANDS.filter(({ name }) => name.startsWith(start))
  assert.ok(named('s').length > 2 && named('s').length < SLASH_COMMANDS.length)
  assert.equal(
    lines('/s'),
    named('s').map(({ name, argument }) => (argument ? `/${name} ` : `/${name}`)),
  )
  assert.equal(suggest('/exit'), [])
  assert.equal(lines('/map u'), ['/map usage'])
  assert.equal(
    suggest('/set top').map(({ label }) => label),
    SETTINGS_WITH_TOP,
  )
  assert.equal(suggest('hello'), [])
})

test('files and models are completed by name', async () => {
  await inTemporaryFolder(async (dir) => {
    await mkdir(join(dir, 'talks'))
    for (const name of ['talk', '.hidden']) await writeFile(join(dir, name), '')
    const lines = (line: string) => suggest(line, ['nano', 'acme/nano']).map(({ line }) => line)
    assert.equal(lines(`/load ${dir}/t`), [`/load ${dir}/talk`, `/load ${dir}/talks/`])
    assert.equal(lines(`/save ${dir}/.`), [`/save ${dir}/.hidden`])
    assert.equal(lines(`/load ${dir}/nothing/`), [])
    assert.equal(lines('/model a'), ['/model acme/nano'])
  })
})

test('a path may have quotes around it, and begin with ~', () => {
  assert.is(pathOf('"my conv"'), 'my conv')
  assert.is(pathOf("'it''s'"), "it''s")
  assert.is(pathOf('~/talk'), join(homedir(), 'talk'))
  assert.is(pathOf('~other'), '~other')
})

test('Tab writes the common beginning of all suggestions, then steps through them', async () => {
  const input = new InputLine(await InputHistory.open(), suggest)
  const tab = () => {
    input.complete('tab')
    return input.text
  }
  input.set('/map l')
  assert.is(tab(), '/map layer')
  input.set('')
  input.insert('/set to')
  assert.is(tab(), '/set top-')
  const steps = [...SETTINGS_WITH_TOP, SETTINGS_WITH_TOP[0]].map((name) => `/set ${name}`)
  assert.equal(steps.map(tab), steps)
  const count = SETTINGS_WITH_TOP.length
  assert.equal([input.chosen, input.suggestions.length], [0, count], 'the list stays while one is chosen')
  assert.ok(input.complete('up'))
  assert.is(input.text, steps[count - 1])
  input.set('')
  assert.equal([input.chosen, input.suggestions], [undefined, []], 'a line that is replaced leaves no list behind')
  assert.not.ok(input.complete('up'))
})

test('a refusal names options as the user types them: after /set, else on the command line', () => {
  assert.equal(['maxTokens', 'memory'].map(typedHere), ['max-tokens', '--memory'])
})

test('the list of settings shows the values in force: set here, else the model’s, else molm’s', () => {
  const list = listSettings({ topK: 3 }, { generationDefaults: { temperature: 0.3, topK: 40 } })
  assert.match(list, /^temperature 0\.3$/m)
  assert.match(list, /^top-k 3$/m)
  assert.match(list, /^min-p 0\.05$/m)
  assert.match(list, /^stop none$/m)
  assert.is(listSettings({ topK: 3 }, { generationDefaults: {} }, 'top-k'), 'top-k 3')
  const notGiven = { temperature: undefined }
  assert.is(listSettings(notGiven, { generationDefaults: { temperature: 0.3 } }, 'temperature'), 'temperature 0.3')
})

test.run()
