import { spawnSync } from 'node:child_process'
import { relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { repositoryPath } from '../support/fixtures.js'
import { HAS_PSEUDO_TERMINAL, type PseudoTerminal, withTerminal } from '../support/pseudo-terminal.js'

const inTerminal = HAS_PSEUDO_TERMINAL ? test : test.skip
const CHILD = fileURLToPath(new URL('permission-child.js', import.meta.url))

/** Runs `use` with a terminal; the child asks for the calls there. */
function asking(calls: unknown[], use: (terminal: PseudoTerminal) => Promise<void>) {
  const args = [relative(repositoryPath(''), CHILD), JSON.stringify(calls), '["listed"]']
  return withTerminal({ args }, use)
}

inTerminal('a call is shown and runs only if the user says yes', () => {
  const calls = [
    ['listed', {}],
    ['weather', { city: 'Bern\u001b[31m\u200b' }],
    ['weather', { city: 'Rome' }],
    ['weather', { city: 'Oslo' }],
    ['other', {}],
  ]
  return asking(calls, async (terminal) => {
    await terminal.waitFor(
      /calls listed \{\}\ntrue\n.* wants to call weather \{"city":"Bern\\u001b\[31m\\u200b"\}\n.*run weather\? .*lways:/,
    )
    await terminal.enter('', /false\n.* wants to call weather \{"city":"Rome"\}\n.*lways:/)
    const next = /true\nmolm: calls weather \{"city":"Oslo"\}\ntrue\n.* wants to call other \{\}\n.*lways:/
    await terminal.enter('a', next)
    await terminal.enter('y', /lways: y\ntrue/)
    assert.is((await terminal.ended()).code, 0)
  })
})

inTerminal('lines typed before the question do not answer it, and other words ask again', () => {
  return asking([['rm', {}]], async (terminal) => {
    terminal.type('y\ry\r')
    await terminal.waitFor(/wants to call rm \{\}\n.*lways:/)
    await terminal.enter('what?', /lways: what\?\n.*lways:/)
    await terminal.enter('yes', /lways: yes\ntrue/)
    assert.is((await terminal.ended()).code, 0)
  })
})

inTerminal('Ctrl-D declines a call, and Ctrl-C ends the command', () => {
  const calls = [
    ['one', {}],
    ['two', {}],
  ]
  return asking(calls, async (terminal) => {
    await terminal.waitFor(/lways:/)
    terminal.type('\x04')
    await terminal.waitFor(/false\n.* wants to call two \{\}\n.*lways:/)
    terminal.type('\x03')
    await terminal.waitFor(/Interruption/)
  })
})

test('without a terminal, only listed tools run, as they were first offered', () => {
  const calls = [
    ['listed', { text: 'x'.repeat(300) }],
    ['rm', {}],
    ['listed', {}, true],
  ]
  const child = spawnSync(process.execPath, [CHILD, JSON.stringify(calls), '["listed"]'], { encoding: 'utf8' })
  assert.is(child.stdout, 'true\nthere is no terminal to ask on\nthe tool has changed\n')
  assert.match(child.stderr, /^molm: calls listed \{"text":"x+\.\.\. \(311 characters\)\n/)
  assert.match(child.stderr, /call rm \{\}\nmolm: not run, since there is no terminal .*; --yes rm allows it\n/)
  assert.match(
    child.stderr,
    /molm: listed has changed .*"does it"\nmolm: the model .*\nmolm: not run, .*; --yes allows a tool only as it was first offered\n$/,
  )
})

test.run()
