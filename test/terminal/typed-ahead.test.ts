import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { held, isRestored, LOADING, STARTING_AND_LOADING, settingsOf } from '../support/held-chat.js'
import { HAS_PSEUDO_TERMINAL } from '../support/pseudo-terminal.js'

const trial = HAS_PSEUDO_TERMINAL ? test : test.skip

trial('input before and during the loading is sent afterwards, and Ctrl-Z suspends meanwhile', () =>
  held(STARTING_AND_LOADING, async ({ terminal, open }) => {
    terminal.type('What is 23 + 45?\r')
    await terminal.waitUntil(() => terminal.output.includes('45?'), 'the echo of the terminal in line mode')
    await open('next')
    await terminal.waitFor(/loading nano \.\.\.$/m)
    assert.match(settingsOf(terminal), /-icanon[\s\S]*-echo\s/)
    terminal.type('What is a l\x1a')
    await terminal.waitUntil(() => terminal.isStopped, 'the shell')
    isRestored(settingsOf(terminal))
    terminal.type('\r')
    await terminal.waitUntil(() => /-icanon/.test(settingsOf(terminal)), 'raw mode')
    // A letter of two bytes and an emoji of four, byte by byte.
    for (const byte of Buffer.from('é🙂')) terminal.type(Buffer.from([byte]))
    terminal.type('\x1b[200~pasted\rlines\x1b[201~')
    await open()
    await terminal.waitFor(/^› What is 23 \+ 45\?\n\n23 \+ 45 = 68/m)
    await terminal.waitFor(/^› What is a lé🙂pasted\n {2}lines/m)
    assert.not.match(terminal.screen.everything, /loading nano/)
    assert.is(terminal.screen.everything.match(/is a l/g)?.length, 1)
    terminal.type('\x03\x04')
    const { code, settings } = await terminal.ended()
    assert.is(code, 0)
    isRestored(settings)
  }),
)

trial('Ctrl-C interrupts the loading of the model and restores the terminal', () =>
  held(LOADING, async ({ terminal, open }) => {
    await terminal.waitFor(/loading nano/)
    terminal.type('half a line\x03')
    await terminal.waitUntil(() => /(^|\s)icanon\s/.test(settingsOf(terminal)), 'line mode, before the model is there')
    await open()
    const { code, settings } = await terminal.ended()
    assert.is(code, 130)
    isRestored(settings)
    assert.ok(terminal.screen.cursorVisible && !terminal.screen.takesPastes)
    assert.not.match(terminal.screen.everything, /loading|half a line/)
  }),
)

test.run()
