import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { listSettings, parseSetting, typedHere } from '#molm/tui/settings.js'
import { parseSlash, SLASH_COMMANDS, suggest } from '#molm/tui/slash-commands.js'

test('a line that begins with a slash is a command and its argument', () => {
  assert.equal(parseSlash('/set  temperature 0.7 '), { name: 'set', argument: 'temperature 0.7' })
  assert.equal(parseSlash('/system two\nlines'), { name: 'system', argument: 'two\nlines' })
  assert.equal(parseSlash('/'), { name: '', argument: '' })
  assert.is(parseSlash('a /set'), undefined)
})

test('what has been typed is completed from the commands and their words', () => {
  assert.is(suggest('/').length, SLASH_COMMANDS.length)
  assert.equal(
    suggest('/s').map(({ line }) => line),
    ['/system ', '/set ', '/save ', '/stats'],
  )
  assert.equal(suggest('/exit'), [])
  assert.equal(
    suggest('/map u').map(({ line }) => line),
    ['/map usage'],
  )
  assert.equal(
    suggest('/set top').map(({ label }) => label),
    ['top-k', 'top-p'],
  )
  assert.equal(suggest('hello'), [])
})

test('settings are checked as the options of the command line are', () => {
  assert.equal(parseSetting('temperature 0.7'), { temperature: 0.7 })
  assert.equal(parseSetting('max-tokens=12'), { maxTokens: 12 })
  assert.throws(() => parseSetting('temperature'), /temperature must be/)
  assert.throws(() => parseSetting('temperature -1'), /temperature must be/)
  assert.throws(() => parseSetting('top-p 2'), /top-p must be between 0 and 1/)
  assert.throws(() => parseSetting('max-tokens 1.5'), /whole number/)
  assert.throws(() => parseSetting('heat 3'), /there is no option 'heat'/)
})

test('a refusal names options as they are typed here: after /set, else on the command line', () => {
  assert.equal(['maxTokens', 'memory'].map(typedHere), ['max-tokens', '--memory'])
})

test('the list of settings shows what holds: what was set, else the model’s, else ours', () => {
  const list = listSettings({ topK: 3 }, { generationDefaults: { temperature: 0.3, topK: 40 } })
  assert.match(list, /^temperature 0\.3$/m)
  assert.match(list, /^top-k 3$/m)
  assert.match(list, /^min-p 0\.05$/m)
})

test.run()
