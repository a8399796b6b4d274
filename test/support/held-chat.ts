import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { PseudoTerminal } from './pseudo-terminal.js'
import { inTemporaryFolder } from './temporary-folder.js'

/** Holds the program before its own code is read: the terminal is in line mode. */
export const STARTING = 'await opened()'

/** Holds the reading of a model's files: the terminal is in raw mode. */
export const LOADING = `
  for (const name of ['open', 'readFile', 'stat']) {
    const real = promises[name]
    promises[name] = async (path, ...rest) => {
      if (/models.nano|nope/.test(path)) await opened()
      return real(path, ...rest)
    }
  }
  syncBuiltinESMExports()`

/** Holds the reading of a saved conversation after its check: the model is loaded. */
export const RESUMING = `
  let looks = 0
  const real = promises.open
  promises.open = async (path, ...rest) => {
    if (/talk$/.test(path) && ++looks > 1) await opened()
    return real(path, ...rest)
  }
  syncBuiltinESMExports()`

export interface Held {
  terminal: PseudoTerminal
  /** Lets the program continue. */
  open(): Promise<void>
}

/** A chat that waits until `open` is called. */
export async function held(where: string, use: (held: Held) => Promise<void>, args: string[] = []): Promise<void> {
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
export const settingsOf = ({ shell }: PseudoTerminal) =>
  spawnSync('stty', ['-a', '-F', `/proc/${shell}/fd/0`]).stdout.toString()

export const isRestored = (text: string) => assert.match(text, /(^|\s)icanon\s[\s\S]*(^|\s)echo\s/)
