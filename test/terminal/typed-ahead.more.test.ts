import { spawnSync } from 'node:child_process'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { held, isRestored, LOADING, settingsOf } from '../support/held-chat.js'
import { HAS_PSEUDO_TERMINAL } from '../support/pseudo-terminal.js'

const trial = HAS_PSEUDO_TERMINAL ? test : test.skip

for (const [signal, wanted] of [
  ['TERM', 143],
  ['HUP', 129],
] as const) {
  trial(`SIG${signal} interrupts the loading of the model and restores the terminal`, () =>
    held(LOADING, async ({ terminal, open }) => {
      await terminal.waitFor(/loading nano/)
      spawnSync('pkill', [`-${signal}`, '-P', String(terminal.shell)])
      // SIGHUP ends the program at once, and then the shell.
      if (signal === 'TERM') {
        await terminal.waitUntil(
          () => /(^|\s)icanon\s/.test(settingsOf(terminal)),
          'line mode, before the model is there',
        )
      }
      await open()
      const { code, settings } = await terminal.ended()
      assert.is(code, wanted)
      isRestored(settings)
      assert.not.ok(terminal.screen.takesPastes)
    }),
  )
}

trial('Ctrl-D without input leaves during the loading of the model', () =>
  held(LOADING, async ({ terminal, open }) => {
    await terminal.waitFor(/loading nano/)
    terminal.type('\x04')
    await terminal.waitUntil(() => /(^|\s)icanon\s/.test(settingsOf(terminal)), 'line mode')
    await open()
    const { code, settings } = await terminal.ended()
    assert.is(code, 0)
    isRestored(settings)
    assert.is(terminal.screen.everything.trim(), '')
  }),
)

trial('no shell gets the input for a model that cannot be loaded', () =>
  held(
    LOADING,
    async ({ terminal, open }) => {
      await terminal.waitFor(/loading nope/)
      terminal.type('touch something\r')
      // The program suspends once it has read all input before.
      terminal.type('\x1a')
      await terminal.waitUntil(() => terminal.isStopped, 'the shell')
      terminal.type('\r')
      await open()
      const { code, settings } = await terminal.ended()
      assert.is(code, 1)
      isRestored(settings)
      assert.match(terminal.screen.everything, /molm: .*nope/)
      assert.not.match(terminal.screen.everything, /touch|loading/)
    },
    ['-m', 'nope'],
  ),
)

test.run()
