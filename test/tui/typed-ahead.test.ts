import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { loadModel } from '#molm/index.js'
import { Conversation } from '#molm/tui/conversation/conversation.js'
import { saveConversation } from '#molm/tui/conversation/saved-conversation.js'
import { HAS_PSEUDO_TERMINAL, PseudoTerminal } from '../support/pseudo-terminal.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'

const trial = HAS_PSEUDO_TERMINAL ? test : test.skip

/** Holds the program before its own code is read: the terminal is in line mode. */
const STARTING = 'await opened()'

/** Holds the reading of a model's files: the terminal is in raw mode. */
const LOADING = `
  for (const name of ['open', 'readFile', 'stat']) {
    const real = promises[name]
    promises[name] = async (path, ...rest) => {
      if (/models.nano|nope/.test(path)) await opened()
      return real(path, ...rest)
    }
  }
  syncBuiltinESMExports()`

/** Holds the reading of a saved conversation after its check: the model is loaded. */
const RESUMING = `
  let looks = 0
  const real = promises.open
  promises.open = async (path, ...rest) => {
    if (/talk$/.test(path) && ++looks > 1) await opened()
    return real(path, ...rest)
  }
  syncBuiltinESMExports()`

interface Held {
  terminal: PseudoTerminal
  /** Lets the program continue. */
  open(): Promise<void>
}

/** A chat that waits until `open` is called. */
async function held(where: string, use: (held: Held) => Promise<void>, args: string[] = []): Promise<void> {
  await inTemporaryFolder(async (folder) => {
    const [wanted, open] = ['wanted', 'open'].map((name) => join(folder, name))
    const hold = `import { existsSync, promises, writeFileSync } from 'node:fs'
      import { syncBuiltinESMExports } from 'node:module'
      const opened = async () => {
        writeFileSync(${JSON.stringify(wanted)}, '')
        while (!existsSync(${JSON.stringify(open)})) await new Promise((resolve) => setTimeout(resolve, 5))
      }
      ${where}`
    const preload = `data:text/javascript,${encodeURIComponent(hold).replaceAll("'", '%27')}`
    const terminal = await PseudoTerminal.start({
      args: ['--import', preload, 'bin/molm.js', 'chat', '--temperature', '0', ...args],
      hasJobs: true,
    })
    try {
      await terminal.waitUntil(() => existsSync(wanted), 'the place to hold it back')
      await use({ terminal, open: () => writeFile(open, '') })
    } finally {
      await terminal.close()
    }
  })
}

/** The terminal's settings, as `stty -a` prints them. */
const settings = ({ shell }: PseudoTerminal) => spawnSync('stty', ['-a', '-F', `/proc/${shell}/fd/0`]).stdout.toString()

const isRestored = (text: string) => assert.match(text, /(^|\s)icanon\s[\s\S]*(^|\s)echo\s/)

trial('input during the loading of the model is sent afterwards, and not echoed before', () =>
  held(LOADING, async ({ terminal, open }) => {
    await terminal.waitFor(/^loading nano \.\.\.$/m)
    assert.match(settings(terminal), /-icanon[\s\S]*-echo\s/)
    terminal.type('What is 23 + 45?\r')
    terminal.type('What is a l')
    // A letter of two bytes and an emoji of four, byte by byte.
    for (const byte of Buffer.from('é🙂')) terminal.type(Buffer.from([byte]))
    terminal.type('\x1b[200~pasted\rlines\x1b[201~')
    await open()
    await terminal.waitFor(/^› What is 23 \+ 45\?\n\n23 \+ 45 = 68/m)
    await terminal.waitFor(/^› What is a lé🙂pasted\n {2}lines/m)
    assert.not.match(terminal.screen.everything, /loading/)
    assert.is(terminal.screen.everything.match(/23 \+ 45\?/g)?.length, 1)
    terminal.type('\x03\x04')
    const { code, settings: after } = await terminal.ended()
    assert.is(code, 0)
    isRestored(after)
  }),
)

trial('Enter sends input from before raw mode', () =>
  held(STARTING, async ({ terminal, open }) => {
    terminal.type('What is 23 + 45?\r')
    await terminal.waitUntil(() => terminal.output.includes('45?'), 'the echo')
    await open()
    await terminal.waitFor(/^› What is 23 \+ 45\?\n\n23 \+ 45 = 68/m)
  }),
)

trial('Ctrl-C and SIGTERM interrupt the loading of the model and restore the terminal', async () => {
  for (const [end, wanted] of [
    [(terminal: PseudoTerminal) => terminal.type('half a line\x03'), 130],
    [({ shell }: PseudoTerminal) => spawnSync('pkill', ['-TERM', '-P', String(shell)]), 143],
  ] as const) {
    await held(LOADING, async ({ terminal, open }) => {
      await terminal.waitFor(/loading nano/)
      end(terminal)
      await terminal.waitUntil(() => /(^|\s)icanon\s/.test(settings(terminal)), 'line mode, before the model is there')
      await open()
      const { code, settings: after } = await terminal.ended()
      assert.is(code, wanted)
      isRestored(after)
      assert.ok(terminal.screen.cursorVisible && !terminal.screen.takesPastes)
      assert.not.match(terminal.screen.everything, /loading|half a line/)
    })
  }
})

trial('SIGHUP during the loading of the model restores the terminal', () =>
  held(LOADING, async ({ terminal }) => {
    await terminal.waitFor(/loading nano/)
    spawnSync('pkill', ['-HUP', '-P', String(terminal.shell)])
    const { code, settings: after } = await terminal.ended()
    assert.is(code, 129)
    isRestored(after)
    assert.not.ok(terminal.screen.takesPastes)
  }),
)

trial('Ctrl-D without input leaves during the loading of the model', () =>
  held(LOADING, async ({ terminal, open }) => {
    await terminal.waitFor(/loading nano/)
    terminal.type('\x04')
    await terminal.waitUntil(() => /(^|\s)icanon\s/.test(settings(terminal)), 'line mode')
    await open()
    const { code, settings: after } = await terminal.ended()
    assert.is(code, 0)
    isRestored(after)
    assert.is(terminal.screen.everything.trim(), '')
  }),
)

trial('Ctrl-Z suspends during the loading of the model, and the input is kept', () =>
  held(LOADING, async ({ terminal, open }) => {
    await terminal.waitFor(/loading nano/)
    terminal.type('kept\x1a')
    await terminal.waitUntil(() => terminal.isStopped, 'the shell')
    isRestored(settings(terminal))
    terminal.type('\r')
    await terminal.waitUntil(() => /-icanon/.test(settings(terminal)), 'raw mode')
    terminal.type(' and more')
    await open()
    await terminal.waitFor(/^› kept and more/m)
  }),
)

trial('a chat says that it loads a saved conversation, and input waits', () =>
  inTemporaryFolder(async (dir) => {
    const [path, model] = [join(dir, 'talk'), await loadModel('nano', { threads: 1 })]
    try {
      await saveConversation(path, await new Conversation(model).save(), model)
    } finally {
      await model.dispose()
    }
    const resumes = async ({ terminal, open }: Held) => {
      await terminal.waitFor(/^loading [\s\S]*talk \.\.\.$[\s\S]* · working · /m)
      terminal.type('What is 23 + 45?\r')
      await open()
      await terminal.waitFor(/^loaded [\s\S]*: 0 tokens in the cache[\s\S]*^› What is 23 \+ 45\?\n\n23 \+ 45 = 68/m)
      await terminal.waitUntil(() => !/ · working/.test(terminal.screen.text.join('\n')), 'the end of the work')
    }
    await held(RESUMING, resumes, ['--load', path])
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
      const { code, settings: after } = await terminal.ended()
      assert.is(code, 1)
      isRestored(after)
      assert.match(terminal.screen.everything, /molm: .*nope/)
      assert.not.match(terminal.screen.everything, /touch|loading/)
    },
    ['-m', 'nope'],
  ),
)

test.run()
